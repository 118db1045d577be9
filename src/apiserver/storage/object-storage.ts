import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { largeValueBytes } from '../../store/large-value.ts'
import { StoreError, type Entry, type Store, type WriteOptions } from '../../store/store.ts'
import { bulkIn } from './bulk.ts'
import { arrangeObject, encodeArranged } from './object-encoding.ts'
import type { StoredObject } from './stored-object.ts'
import type { WatchCache } from './watch-cache.ts'

/** What a try to change an object comes to. */
export type Change<T extends KubernetesObject> =
  | { readonly type: 'write'; readonly object: Writable<T>; readonly ttlSeconds?: number | undefined }
  /** Nothing differs from what stands there. */
  | { readonly type: 'keep' }
  | { readonly type: 'delete' }

export type ChangeResult<T extends KubernetesObject> =
  | { readonly type: 'created' | 'written' | 'kept'; readonly stored: StoredObject<T> }
  /** `stored` is the last content, under the revision of the removal. */
  | { readonly type: 'deleted'; readonly stored: StoredObject<T> }

/** Thrown when an object is to be created where one stands already. */
export class KeyExistsError extends Error {
  readonly found: StoredObject | undefined

  constructor(found: StoredObject | undefined) {
    super('key exists')
    this.name = 'KeyExistsError'
    this.found = found
  }
}

/** Writes objects of one resource to the store, and hands back the very objects that the watch cache holds. */
export class ObjectStorage<T extends KubernetesObject = KubernetesObject> {
  readonly #store: Store
  readonly #cache: WatchCache<T>

  constructor(store: Store, cache: WatchCache<T>) {
    this.#store = store
    this.#cache = cache
  }

  /** What the store has now. */
  async read(key: string): Promise<StoredObject<T> | undefined> {
    const entry = await this.#store.get(this.#cache.prefix + key)
    return entry && this.#stored(entry)
  }

  /** Whether the object should be written again though nothing of it differs. */
  isStale({ key, raw, isOutdated }: StoredObject<T>): boolean {
    return isOutdated || (this.#store.isStale?.(this.#cache.prefix + key, raw) ?? false)
  }

  /** Throws KeyExistsError. `object` belongs to the storage from here on. */
  async create(key: string, object: Writable<T>, ttlSeconds?: number): Promise<StoredObject<T>> {
    const value = this.#encode(key, object)
    try {
      const entry = await this.#store.create(
        this.#cache.prefix + key,
        value,
        this.#options(value, ttlSeconds),
      )
      return this.#cache.settle(value, entry)
    } catch (error) {
      if (!isStoreConflict(error)) throw error
      const found = error.found?.fault ? undefined : error.found
      throw new KeyExistsError(found && this.#stored(found))
    } finally {
      this.#cache.expectNoMore(key, value)
    }
  }

  /**
   * Lets `change` decide what becomes of the object at `key` and does it, if the object is still the one that `change`
   * was shown; else shows it the newer one. `change` is first shown what the cache has: what it then refuses, or finds
   * to be the same, counts only once the store has been asked.
   */
  async change(
    key: string,
    change: (existing: StoredObject<T> | undefined) => Promise<Change<T>>,
  ): Promise<ChangeResult<T> | undefined> {
    let existing = this.#cache.get(key)
    let isCurrent = false
    for (;;) {
      let wanted: Change<T>
      try {
        wanted = await change(existing)
      } catch (error) {
        if (isCurrent || !(await this.#isOutdated(key, existing))) throw error
        existing = await this.read(key)
        isCurrent = true
        continue
      }
      if (wanted.type === 'keep') {
        if (isCurrent || !(await this.#isOutdated(key, existing))) {
          return existing && { type: 'kept', stored: existing }
        }
        existing = await this.read(key)
        isCurrent = true
        continue
      }
      try {
        return await this.#apply(key, existing, wanted)
      } catch (error) {
        if (!isStoreConflict(error)) throw error
        existing = error.found && this.#stored(error.found)
        isCurrent = true
      }
    }
  }

  async #apply(
    key: string,
    existing: StoredObject<T> | undefined,
    wanted: Exclude<Change<T>, { type: 'keep' }>,
  ): Promise<ChangeResult<T> | undefined> {
    const path = this.#cache.prefix + key
    if (wanted.type === 'delete') {
      if (!existing) return undefined
      const revision = await this.#store.delete(path, existing.revision)
      return { type: 'deleted', stored: existing.at(revision) }
    }
    const value = this.#encode(key, wanted.object)
    const options = this.#options(value, wanted.ttlSeconds)
    try {
      const entry = existing
        ? await this.#store.update(path, value, existing.revision, options)
        : await this.#store.create(path, value, options)
      return { type: existing ? 'written' : 'created', stored: this.#cache.settle(value, entry) }
    } finally {
      this.#cache.expectNoMore(key, value)
    }
  }

  #encode(key: string, object: Writable<T>): Buffer {
    const arranged = arrangeObject(this.#cache.type.resource, object as T)
    const value = encodeArranged(arranged)
    this.#cache.expect(key, value, arranged)
    return value
  }

  #options(value: Buffer, ttlSeconds: number | undefined): WriteOptions {
    const { bulkyField } = this.#cache.type
    const isCut = bulkyField !== undefined && value.length >= largeValueBytes
    return {
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(isCut && { bulk: bulkIn(value, bulkyField) }),
    }
  }

  async #isOutdated(key: string, seen: StoredObject<T> | undefined): Promise<boolean> {
    const entry = await this.#store.get(this.#cache.prefix + key)
    return entry?.revision !== seen?.revision
  }

  #stored(entry: Entry): StoredObject<T> {
    return this.#cache.settle(entry.value, entry)
  }
}

function isStoreConflict(error: unknown): error is StoreError {
  return error instanceof StoreError && error.reason === 'conflict'
}
