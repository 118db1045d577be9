import { semanticEqual } from '../../machinery/equal.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'

/**
 * Whether an update changes nothing but what the garbage collector changes. Who grants rights, or vouches for
 * certificates, is asked for that again at any other change, a label's too, but not at this one.
 * Source: kubernetes/pkg/registry/rbac (IsOnlyMutatingGCFields).
 */
export function changesOwnershipOnly(next: KubernetesObject, previous: KubernetesObject): boolean {
  return semanticEqual(withoutOwnership(next), withoutOwnership(previous))
}

function withoutOwnership({ metadata, ...content }: KubernetesObject): unknown {
  const {
    ownerReferences: _owners,
    finalizers: _finalizers,
    managedFields: _managers,
    resourceVersion: _version,
    ...rest
  } = metadata ?? {}
  return { ...content, metadata: rest }
}
