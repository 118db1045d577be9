import type { DeviceClass } from '../../../api/generated/resource.v1.ts'
import { deviceClasses } from '../../../api/generated/resources.ts'
import type { Informer } from '../../../client/informer.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { PluginHandle } from '../../framework.ts'
import { classOfExtendedResource, extendedResourcesOf } from './extended-resources.ts'

/** The class whose devices serve an extended resource; undefined when none does. */
export type ExtendedResourceClasses = (resource: string) => DeviceClass | undefined

/** Follows the classes of the cluster. */
export function followExtendedResources({ cache }: PluginHandle): ExtendedResourceClasses {
  const byResource = whenChanged(cache(deviceClasses), indexClasses)
  return (resource) => (resource.includes('/') ? byResource().get(resource) : undefined)
}

/** Derives something from all objects of a cache, anew when the cache has changed. */
export function whenChanged<T extends KubernetesObject, Derived>(
  cache: Informer<T>,
  derive: (objects: readonly T[]) => Derived,
): () => Derived {
  let known: { readonly version: bigint; readonly derived: Derived } | undefined
  return () => {
    const { resourceVersion: version } = cache
    if (known?.version !== version) known = { version, derived: derive(cache.list()) }
    return known.derived
  }
}

function indexClasses(classes: readonly DeviceClass[]): ReadonlyMap<string, DeviceClass> {
  const names = new Set(classes.flatMap(extendedResourcesOf))
  return new Map([...names].map((name) => [name, classOfExtendedResource(name, classes)!]))
}
