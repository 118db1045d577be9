import type { KubernetesObject, Writable } from '../machinery/meta.ts'

const kept = ['deletionTimestamp', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const

/**
 * For the few kinds whose status is written without the metadata: what clients may say of it is as it was. Source:
 * k8s.io/apimachinery/pkg/apis/meta/v1, ResetObjectMetaForStatus.
 */
export function keepMetadata(object: Writable<KubernetesObject>, previous: KubernetesObject): void {
  const metadata = (object.metadata ??= {}) as Record<string, unknown>
  for (const field of kept) {
    const before = previous.metadata?.[field]
    if (before === undefined) delete metadata[field]
    else metadata[field] = before
  }
}
