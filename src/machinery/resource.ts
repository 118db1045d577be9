import type { KubernetesObject } from './meta.ts'

/** Names one resource of the API, as discovery does. `T` is the type of its objects. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  /** `''` for the core group. */
  readonly group: string
  readonly version: string
  /** Plural, lower case: `pods`. */
  readonly resource: string
  readonly kind: string
  readonly namespaced: boolean
  /** Only for the type checker; never set. */
  readonly object?: T
}

/** Names one object of a resource; `namespace` is `''` or absent for cluster-scoped ones. */
export interface ObjectName {
  readonly namespace?: string
  readonly name: string
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** Inverse of apiVersionOf; undefined when there is more than one slash. */
export function parseApiVersion(
  apiVersion: string,
): { readonly group: string; readonly version: string } | undefined {
  if (apiVersion === '' || apiVersion === '/') return { group: '', version: '' }
  const [first = '', second, ...more] = apiVersion.split('/')
  if (more.length > 0) return undefined
  return second === undefined ? { group: '', version: first } : { group: first, version: second }
}

/** `deployments.apps`, or `pods` for the core group: how messages and RBAC name a resource. */
export function groupResource(resource: { readonly group: string; readonly resource: string }): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`
}

/** The key of an object in caches and queues: `namespace/name`, or `name` for cluster-scoped objects. */
export function keyOf(object: KubernetesObject): string {
  const { namespace, name = '' } = object.metadata ?? {}
  return namespace ? `${namespace}/${name}` : name
}

/** Inverse of keyOf. */
export function parseKey(key: string): ObjectName {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
