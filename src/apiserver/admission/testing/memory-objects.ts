import { writableCopy } from '../../../machinery/copy.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { deepFreeze } from '../../../machinery/freeze.ts'
import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
import { apiVersionOf, keyOf, type ObjectName, type Resource } from '../../../machinery/resource.ts'
import { alreadyExists, notFound } from '../../../machinery/status-errors.ts'
import type { ObjectChange, Objects } from '../../objects.ts'

/** The API server's objects for tests: in memory, without validation or admission, frozen, caches never behind. */
export interface MemoryObjects extends Objects {
  /** Puts an object there as it is, with a uid and a resourceVersion where it has none. */
  put<T extends KubernetesObject>(resource: Resource<T>, object: T): T
  /** Takes it away at once, whatever its finalizers. */
  remove(resource: Resource, name: ObjectName): void
  /** `create deployments default/a`, for each write through the interface. */
  readonly writes: string[]
}

type AnyChange = ObjectChange<KubernetesObject>

interface Table {
  readonly objects: Map<string, KubernetesObject>
  readonly handlers: Set<(change: AnyChange) => void>
}

export function memoryObjects(): MemoryObjects {
  const tables = new Map<string, Table>()
  const writes: string[] = []
  let revision = 0

  function tableOf({ group, resource }: Resource): Table {
    const key = `${resource}.${group}`
    let table = tables.get(key)
    if (!table) tables.set(key, (table = { objects: new Map(), handlers: new Set() }))
    return table
  }
  const keyOfName = ({ namespace, name }: ObjectName) => (namespace ? `${namespace}/${name}` : name)
  const find = <T extends KubernetesObject>(resource: Resource<T>, name: ObjectName) =>
    tableOf(resource).objects.get(keyOfName(name)) as T | undefined

  function put<T extends KubernetesObject>(resource: Resource<T>, object: T): T {
    const table = tableOf(resource)
    revision++
    const stored = {
      ...object,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { uid: `uid-${revision}`, ...object.metadata, resourceVersion: String(revision) },
    }
    deepFreeze(stored)
    const key = keyOf(stored)
    const previous = table.objects.get(key)
    table.objects.set(key, stored)
    for (const handle of table.handlers)
      handle({ type: 'set', object: stored, ...(previous && { previous }) })
    return stored
  }

  function remove(resource: Resource, name: ObjectName): void {
    const table = tableOf(resource)
    const object = table.objects.get(keyOfName(name))
    if (!object) throw notFound(resource, name.name)
    table.objects.delete(keyOfName(name))
    for (const handle of table.handlers) handle({ type: 'deleted', object })
  }

  return {
    writes,
    put,
    remove,
    get: find,
    getLatest: async (resource, name) => find(resource, name),
    list<T extends KubernetesObject>(resource: Resource<T>, namespace?: string) {
      const all = [...tableOf(resource).objects.values()] as T[]
      return namespace ? all.filter(({ metadata }) => metadata?.namespace === namespace) : all
    },
    onChange<T extends KubernetesObject>(resource: Resource<T>, handler: (change: ObjectChange<T>) => void) {
      const table = tableOf(resource)
      for (const object of table.objects.values()) handler({ type: 'set', object: object as T })
      const handle = handler as (change: AnyChange) => void
      table.handlers.add(handle)
      return () => void table.handlers.delete(handle)
    },
    async create(resource, object) {
      if (find(resource, { name: '', ...object.metadata })) {
        throw alreadyExists(resource, object.metadata?.name ?? '')
      }
      writes.push(`create ${resource.resource} ${keyOf(object)}`)
      return put(resource, object)
    },
    async change(resource, name, change) {
      const existing = find(resource, name)
      if (!existing) throw notFound(resource, name.name)
      const copy = writableCopy(existing)
      change(copy)
      if (jsonEqual(copy, existing)) return existing
      writes.push(`change ${resource.resource} ${keyOfName(name)}`)
      return put(resource, copy as typeof existing)
    },
    async delete(resource, name) {
      writes.push(`delete ${resource.resource} ${keyOfName(name)}`)
      remove(resource, name)
    },
  }
}

/** An object with this name and whatever else. */
export function named<T extends KubernetesObject>(
  name: string,
  rest: Omit<T, 'metadata'>,
  namespace?: string,
): T {
  const object = { metadata: { name, ...(namespace && { namespace }) }, ...rest }
  return object as unknown as T
}

/** For objects that a test makes from plain data. */
export function writable<T>(value: T): Writable<T> {
  return writableCopy(value)
}
