import type { KubernetesObject, OwnerReference } from './meta.ts'
import { apiVersionOf } from './resource.ts'

/** Whether deletion of the object has begun: it stays until its finalizers and its grace period are over. */
export function isDeleting(object: KubernetesObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined
}

/** The reference to the controller that manages the object, if one does. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find(({ controller }) => controller === true)
}

/** Whether `owner` itself, not another object of the same name, is the controller of the object. */
export function isControlledBy(object: KubernetesObject, owner: KubernetesObject): boolean {
  const controller = controllerOf(object)
  return controller !== undefined && controller.uid === owner.metadata?.uid
}

/** Whether `owner` is among the object's owners. */
export function isOwnedBy(object: KubernetesObject, owner: KubernetesObject): boolean {
  return !!object.metadata?.ownerReferences?.some(({ uid }) => uid === owner.metadata?.uid)
}

/**
 * A reference to a stored object as controller, which deletion in the foreground waits for. `kind` says what the owner
 * is (a Resource does), since items of a list carry no kind.
 */
export function ownerReferenceTo(
  owner: KubernetesObject,
  kind: { readonly group: string; readonly version: string; readonly kind: string },
): OwnerReference {
  const { name, uid } = owner.metadata ?? {}
  if (!name || !uid) throw new TypeError(`a ${kind.kind} that has not been stored cannot own anything`)
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}
