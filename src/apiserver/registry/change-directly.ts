import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { notFound } from '../../machinery/status-errors.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Registry } from './registry.ts'

/**
 * Writes what `change` makes of an object, past admission and validation: for what the API server itself does in
 * answer to a request that has been admitted (binding, eviction). `change` gets the object that stands there, shares
 * with it what stays, and throws to refuse. A dry run only calls it.
 */
export async function changeDirectly<T extends KubernetesObject>(
  registry: Registry,
  key: string,
  change: (object: T) => T,
  options: { readonly dryRun?: boolean } = {},
): Promise<StoredObject> {
  const result = await registry.storage.change(key, (existing) => {
    if (!existing) throw notFound(registry.groupResource, key.slice(key.indexOf('/') + 1))
    const object = change(existing.object as T)
    const isSame = options.dryRun || jsonEqual(object, existing.object)
    return Promise.resolve(
      isSame ? { type: 'keep' } : { type: 'write', object: object as Writable<KubernetesObject> },
    )
  })
  return result!.stored
}
