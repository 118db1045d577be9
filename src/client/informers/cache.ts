import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { keyOf, type Resource } from '../../machinery/resource.ts'
import type { Change, Informer } from '../informer.ts'

/** The readable half is the Informer; the reflector writes through the rest. */
export interface InformerCache<T extends KubernetesObject> extends Informer<T> {
  /** Makes the cache hold exactly `objects`, as of `resourceVersion`; handlers hear only of the differences. */
  replace(objects: Iterable<T>, resourceVersion: string): void
  /** An object as the server now has it; it carries the resourceVersion that the cache has then seen. */
  set(object: T): void
  /** An object as it was last; its resourceVersion is that of the deletion. */
  delete(object: T): void
  /** Nothing of ours changed up to `resourceVersion`. */
  advance(resourceVersion: string): void
}

const namespaceIndex = 'namespace'

interface Index<T> {
  readonly values: (object: T) => readonly string[]
  readonly buckets: Map<string, Map<string, T>>
}

interface Waiter {
  readonly resourceVersion: bigint
  readonly resolve: () => void
}

export function createInformerCache<T extends KubernetesObject>(
  resource: Resource<T>,
  log: Logger,
): InformerCache<T> {
  const objects = new Map<string, T>()
  const indexes = new Map<string, Index<T>>([
    [namespaceIndex, { values: ({ metadata }) => [metadata?.namespace ?? ''], buckets: new Map() }],
  ])
  const handlers = new Set<(change: Change<T>) => void>()
  const waiters = new Set<Waiter>()
  const { promise: synced, resolve: resolveSynced } = Promise.withResolvers<void>()
  let hasSynced = false
  let seen = 0n

  function store(object: T): void {
    const key = keyOf(object)
    let previous = objects.get(key)
    if (previous && previous.metadata?.uid !== object.metadata?.uid) {
      remove(key, previous) // another object under the same name: the two are told apart
      previous = undefined
    }
    objects.set(key, object)
    for (const index of indexes.values()) reindex(index, key, previous, object)
    tell(previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous })
  }

  function remove(key: string, last: T): void {
    const previous = objects.get(key)
    if (previous === undefined) return
    objects.delete(key)
    for (const index of indexes.values()) reindex(index, key, previous, undefined)
    tell({ type: 'deleted', object: last })
  }

  function tell(change: Change<T>): void {
    for (const handler of handlers) call(handler, change)
  }

  /** A handler that throws must not keep the others, or the cache, from what follows. */
  function call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change)
    } catch (error) {
      log.error('A handler of changes failed', {
        resource: resource.resource,
        key: keyOf(change.object),
        error,
      })
    }
  }

  function advance(resourceVersion: string | undefined): void {
    if (!resourceVersion) return
    const reached = BigInt(resourceVersion)
    if (reached <= seen) return
    seen = reached
    for (const waiter of waiters) {
      if (waiter.resourceVersion > seen) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  return {
    resource,
    synced,
    get hasSynced() {
      return hasSynced
    },
    get resourceVersion() {
      return seen
    },
    waitFor(resourceVersion, signal) {
      const wanted = BigInt(resourceVersion)
      if (wanted <= seen || signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const waiter = { resourceVersion: wanted, resolve: finish }
        waiters.add(waiter)
        signal?.addEventListener('abort', finish, { once: true })
        function finish() {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', finish)
          resolve()
        }
      })
    },
    get: (key) => objects.get(key),
    list: (namespace) =>
      namespace === undefined ? [...objects.values()] : bucketOf(indexes, namespaceIndex, namespace),
    addIndex(name, values) {
      if (name === namespaceIndex || indexes.has(name)) return
      const index: Index<T> = { values, buckets: new Map() }
      for (const [key, object] of objects) reindex(index, key, undefined, object)
      indexes.set(name, index)
    },
    byIndex: (name, value) => bucketOf(indexes, name, value),
    onChange(handler) {
      for (const object of objects.values()) call(handler, { type: 'added', object })
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },

    replace(replacement, resourceVersion) {
      const gone = new Map(objects)
      for (const object of replacement) {
        const key = keyOf(object)
        gone.delete(key)
        if (!isSame(objects.get(key), object)) store(object)
      }
      for (const [key, object] of gone) remove(key, object)
      seen = 0n // a server that was restored from a backup goes back in time
      advance(resourceVersion)
      hasSynced = true
      resolveSynced()
    },
    set(object) {
      store(object)
      advance(object.metadata?.resourceVersion)
    },
    delete(object) {
      remove(keyOf(object), object)
      advance(object.metadata?.resourceVersion)
    },
    advance,
  }
}

function isSame(held: KubernetesObject | undefined, object: KubernetesObject): boolean {
  const { uid, resourceVersion } = object.metadata ?? {}
  return (
    held?.metadata?.uid === uid && held?.metadata?.resourceVersion === resourceVersion && held !== undefined
  )
}

function bucketOf<T>(indexes: ReadonlyMap<string, Index<T>>, name: string, value: string): readonly T[] {
  const index = indexes.get(name)
  if (!index) throw new Error(`no index named ${name}`)
  const bucket = index.buckets.get(value)
  return bucket ? [...bucket.values()] : []
}

function reindex<T>(index: Index<T>, key: string, previous: T | undefined, object: T | undefined): void {
  const { values, buckets } = index
  const before = previous === undefined ? [] : values(previous)
  const now = object === undefined ? [] : values(object)
  for (const value of before) {
    if (now.includes(value)) continue
    const bucket = buckets.get(value)
    bucket?.delete(key)
    if (bucket?.size === 0) buckets.delete(value)
  }
  if (object === undefined) return
  for (const value of now) {
    let bucket = buckets.get(value)
    if (!bucket) buckets.set(value, (bucket = new Map()))
    bucket.set(key, object)
  }
}
