import { nodes, pods } from '../../api/generated/resources.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/**
 * A pod gets the zone and region of its node as labels, so that it can read them itself: when it is bound (the labels
 * stand on the Binding, from where they go to the pod), or made on a node.
 * Source: kubernetes/plugin/pkg/admission/podtopologylabels.
 */
export function createPodTopologyLabels(objects: Objects): AdmissionPlugin {
  function copyLabels(nodeName: string | undefined, object: Writable<KubernetesObject>): void {
    const labels = nodeName ? objects.get(nodes, { name: nodeName })?.metadata?.labels : undefined
    const metadata = (object.metadata ??= {})
    for (const key of topologyLabels) {
      const value = labels?.[key]
      if (value !== undefined) (metadata.labels ??= {})[key] = value
    }
  }

  return {
    name: 'PodTopologyLabels',
    handles: (request) => isAbout(request, pods, ['CREATE']) || isAbout(request, pods, ['CREATE'], 'binding'),
    mutate(request) {
      const { object } = request
      if (!object) return
      if (request.subresource === 'binding') {
        const { target } = object as { readonly target?: { readonly kind?: string; readonly name?: string } }
        if (target?.kind === 'Node') copyLabels(target.name, object)
      } else {
        copyLabels(objectOf(request, pods).spec?.nodeName, object)
      }
    },
  }
}
