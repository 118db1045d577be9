import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../../api/generated/core.v1.ts'
import { limitRanges, persistentVolumeClaims, pods } from '../../../api/generated/resources.ts'
import { podSpecTotals } from '../../../api/quota/pod-amounts.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'
import { limitFaults } from './constraints.ts'
import { setDefaultResources } from './default-resources.ts'

/**
 * Keeps pods and claims within the limit ranges of their namespace, and gives containers defaults. What a container asks
 * for can be changed by a resize only. Source: kubernetes/plugin/pkg/admission/limitranger.
 */
export function createLimitRanger(objects: Objects): AdmissionPlugin {
  const rangesFor = ({ namespace }: AdmissionRequest) =>
    [...objects.list(limitRanges, namespace)].sort((a, b) => compareNames(a, b))

  return {
    name: 'LimitRanger',
    // What is about to go must be able to lose its finalizers, whatever it asks for.
    handles: (request) =>
      (isAbout(request, pods, ['CREATE']) ||
        isAbout(request, pods, ['UPDATE'], 'resize') ||
        isAbout(request, persistentVolumeClaims, ['CREATE', 'UPDATE'])) &&
      !request.oldObject?.metadata?.deletionTimestamp,
    mutate(request) {
      if (!isAbout(request, pods, ['CREATE'])) return
      for (const range of rangesFor(request)) setDefaultResources(objectOf(request, pods), range)
    },
    validate(request) {
      for (const range of rangesFor(request)) {
        const faults =
          request.resource.resource === pods.resource
            ? podFaults(objectOf(request, pods), range)
            : claimFaults(objectOf(request, persistentVolumeClaims), range)
        if (faults.length > 0) {
          throw refused(request, faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`)
        }
      }
    },
  }
}

function compareNames(a: LimitRange, b: LimitRange): number {
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1
}

function podFaults(pod: Pod, range: LimitRange): readonly string[] {
  const containers: readonly Container[] = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
  ]
  const faults = (range.spec?.limits ?? []).flatMap((item) => {
    if (item.type === 'Container') {
      return containers.flatMap(({ resources }) =>
        limitFaults(item, { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} }),
      )
    }
    if (item.type !== 'Pod') return []
    return limitFaults(item, {
      requests: podSpecTotals(pod, 'requests'),
      limits: podSpecTotals(pod, 'limits'),
    })
  })
  return [...new Set(faults)]
}

function claimFaults({ spec }: PersistentVolumeClaim, range: LimitRange): readonly string[] {
  return (range.spec?.limits ?? [])
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => limitFaults(item, { requests: spec?.resources?.requests ?? {}, limits: {} }))
}
