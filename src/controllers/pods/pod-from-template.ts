import type { Pod, PodTemplateSpec } from '../../api/generated/core.v1.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import type { Resource } from '../../machinery/resource.ts'
import { identityOf } from '../ownership/identity.ts'

/** A new pod after the template, managed by `owner`, with a name that the API server completes. */
export function podFromTemplate(
  template: PodTemplateSpec,
  owner: KubernetesObject,
  ownerResource: Resource,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  const { name, namespace } = identityOf(owner)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: podNamePrefix(name),
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [ownerReferenceTo(owner, ownerResource)],
    },
    ...(template.spec && { spec: template.spec }),
  }
}

/** The owner's name and a dash, where that can begin a pod's name. */
function podNamePrefix(ownerName: string): string {
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(ownerName) && ownerName.length < 253
    ? `${ownerName}-`
    : ownerName
}
