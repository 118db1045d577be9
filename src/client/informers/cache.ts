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
  return new HeldObjects(resource, log)
}

/** A class, and what is seldom used made when it is: there is one for each kind, and kinds may be many. */
class HeldObjects<T extends KubernetesObject> implements InformerCache<T> {
  readonly resource: Resource<T>
  readonly synced: Promise<void>
  hasSynced = false
  readonly #log: Logger
  readonly #resolveSynced: () => void
  readonly #objects = new Map<string, T>()
  #indexes: Map<string, Index<T>> | undefined
  readonly #handlers = new Set<(change: Change<T>) => void>()
  #waiters: Set<Waiter> | undefined
  #seen = 0n

  constructor(resource: Resource<T>, log: Logger) {
    this.resource = resource
    this.#log = log
    const { promise, resolve } = Promise.withResolvers<void>()
    this.synced = promise
    this.#resolveSynced = resolve
  }

  get resourceVersion(): bigint {
    return this.#seen
  }

  waitFor(resourceVersion: string, signal?: AbortSignal): Promise<void> {
    const wanted = BigInt(resourceVersion)
    if (wanted <= this.#seen || signal?.aborted) return Promise.resolve()
    const waiters = (this.#waiters ??= new Set())
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
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#objects.values()]
    this.addIndex(namespaceIndex, namespaceOf)
    return this.byIndex(namespaceIndex, namespace)
  }

  addIndex(name: string, values: (object: T) => readonly string[]): void {
    const indexes = (this.#indexes ??= new Map())
    if (indexes.has(name)) return
    const index: Index<T> = { values, buckets: new Map() }
    for (const [key, object] of this.#objects) reindex(index, key, undefined, object)
    indexes.set(name, index)
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes?.get(name)
    if (!index) throw new Error(`no index named ${name}`)
    const bucket = index.buckets.get(value)
    return bucket ? [...bucket.values()] : []
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    for (const object of this.#objects.values()) this.#call(handler, { type: 'added', object })
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  replace(replacement: Iterable<T>, resourceVersion: string): void {
    const gone = new Map(this.#objects)
    for (const object of replacement) {
      const key = keyOf(object)
      gone.delete(key)
      if (!isSame(this.#objects.get(key), object)) this.#store(object)
    }
    for (const [key, object] of gone) this.#remove(key, object)
    this.#seen = 0n // a server that was restored from a backup goes back in time
    this.advance(resourceVersion)
    this.hasSynced = true
    this.#resolveSynced()
  }

  set(object: T): void {
    this.#store(object)
    this.advance(object.metadata?.resourceVersion)
  }

  delete(object: T): void {
    this.#remove(keyOf(object), object)
    this.advance(object.metadata?.resourceVersion)
  }

  advance(resourceVersion: string | undefined): void {
    if (!resourceVersion) return
    const reached = BigInt(resourceVersion)
    if (reached <= this.#seen) return
    this.#seen = reached
    for (const waiter of this.#waiters ?? []) {
      if (waiter.resourceVersion > reached) continue
      this.#waiters!.delete(waiter)
      waiter.resolve()
    }
  }

  #store(object: T): void {
    const key = keyOf(object)
    let previous = this.#objects.get(key)
    if (previous && previous.metadata?.uid !== object.metadata?.uid) {
      this.#remove(key, previous) // another object under the same name: the two are told apart
      previous = undefined
    }
    this.#objects.set(key, object)
    this.#reindex(key, previous, object)
    this.#tell(previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous })
  }

  #remove(key: string, last: T): void {
    const previous = this.#objects.get(key)
    if (previous === undefined) return
    this.#objects.delete(key)
    this.#reindex(key, previous, undefined)
    this.#tell({ type: 'deleted', object: last })
  }

  #reindex(key: string, previous: T | undefined, object: T | undefined): void {
    if (!this.#indexes) return
    for (const index of this.#indexes.values()) reindex(index, key, previous, object)
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) this.#call(handler, change)
  }

  /** A handler that throws must not keep the others, or the cache, from what follows. */
  #call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change)
    } catch (error) {
      const { resource } = this.resource
      this.#log.error('A handler of changes failed', { resource, key: keyOf(change.object), error })
    }
  }
}

function namespaceOf({ metadata }: KubernetesObject): readonly string[] {
  return [metadata?.namespace ?? '']
}

function isSame(held: KubernetesObject | undefined, object: KubernetesObject): boolean {
  const { uid, resourceVersion } = object.metadata ?? {}
  return (
    held?.metadata?.uid === uid && held?.metadata?.resourceVersion === resourceVersion && held !== undefined
  )
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
