import type { Informer } from '../../client/informer.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { controllerOf, isControlledBy } from '../../machinery/owner.ts'
import { keyOf, type Resource } from '../../machinery/resource.ts'

/** The key of the object's controller when that is of this resource; versions do not matter. */
export function controllerKey(object: KubernetesObject, resource: Resource): string | undefined {
  const reference = controllerOf(object)
  if (!reference || !refersTo(reference, resource)) return undefined
  return keyOf({ metadata: { namespace: object.metadata?.namespace ?? '', name: reference.name } })
}

/** Whether the reference is to an object of this resource, in whatever version. */
export function refersTo({ apiVersion, kind }: OwnerReference, resource: Resource): boolean {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  return kind === resource.kind && group === resource.group
}

/** The object's controller, where the cache has it: the very one, not another of its name. */
export function findController<T extends KubernetesObject>(
  object: KubernetesObject,
  cache: Informer<T>,
): T | undefined {
  const key = controllerKey(object, cache.resource)
  const found = key === undefined ? undefined : cache.get(key)
  return found && isControlledBy(object, found) ? found : undefined
}
