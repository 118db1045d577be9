import type { KubernetesObject, Status, Writable } from '../../machinery/meta.ts'
import { internalError, tooManyRequests, tooOldResourceVersion } from '../../machinery/status-errors.ts'
import { lazyEntry } from '../../store/large-value.ts'
import type { Entry, Store, StoreEvent } from '../../store/store.ts'
import { CacheEvent, ObjectEvent } from './cache-event.ts'
import { EventLog } from './event-log.ts'
import { cutPage, firstPage, interpretListError, listCurrent, listPast, type ListPage } from './list-page.ts'
import type { ListQuery } from './list-query.ts'
import { everything, isSelected, keyPrefix, type Selection } from './selection.ts'
import { SortedMap } from './sorted-map.ts'
import type { Shelf, StoreFeed } from './store-feed.ts'
import { StoredObject, type StoredType } from './stored-object.ts'
import { mayHold, UnreadableEntries } from './unreadable-entries.ts'
import { deliver, WatcherIndex } from './watcher-index.ts'
import { Watcher } from './watcher.ts'

/** Where a watch begins. */
export interface WatchStart {
  /**
   * `changes`: what happens after the revision; `state`: the state first, as additions, which is at least as new as the
   * revision.
   */
  readonly type: 'changes' | 'state'
  readonly revision: bigint
  readonly wantsBookmarks: boolean
  /** Say with a bookmark when the state has been sent. */
  readonly markInitialEventsEnd: boolean
}

/** What a cache has done so far. */
export interface CacheStatistics {
  readonly events: number
  /** Events there was a watch for. */
  readonly dispatched: number
  /** Watches cut off because they did not keep up. */
  readonly slowWatchers: number
  readonly lists: number
  /** Objects that lists looked at, and that they held. */
  readonly listFetched: number
  readonly listReturned: number
}

export interface CacheChange<T extends KubernetesObject = KubernetesObject> {
  readonly current: StoredObject<T> | undefined
  readonly previous: StoredObject<T> | undefined
}

/** How often what cannot be read is tried again. */
const retryMs = 10_000
/**
 * All objects of one resource in memory, in key order, with the latest changes: every read and every watch is answered
 * from here. The store's events are its only input.
 */
export class WatchCache<T extends KubernetesObject = KubernetesObject> implements Shelf {
  readonly type: StoredType<T>
  /** `/registry/<group>/<resource>/` */
  readonly prefix: string
  readonly #store: Store
  readonly #feed: StoreFeed
  readonly #objects = new SortedMap<StoredObject<T>>()
  readonly #log: EventLog<T>
  readonly #watchers = new WatcherIndex<T>()
  readonly #statistics = {
    events: 0,
    dispatched: 0,
    slowWatchers: 0,
    lists: 0,
    listFetched: 0,
    listReturned: 0,
  }
  #bytes = 0
  /** What stands in the store and cannot be read, and what stood there before. */
  readonly #unreadable = new UnreadableEntries<T>()
  readonly #subscribers = new Set<(change: CacheChange<T>) => void>()
  /** Objects written by this process, by the bytes it gave to the store: the event that brings these need not decode. */
  readonly #written = new WeakMap<Uint8Array, Writable<T> | StoredObject<T>>()
  /** What is on its way to the store, by key: a store may bring other bytes than it was given, if they are the same. */
  readonly #expected = new Map<string, Uint8Array>()

  constructor(type: StoredType<T>, prefix: string, store: Store, feed: StoreFeed) {
    this.type = type
    this.prefix = prefix
    this.#store = store
    this.#feed = feed
    this.#log = new EventLog(feed.seen)
    for (const entry of feed.attach(prefix, this)) {
      if (entry.fault) this.#setAside(entry)
      else this.#hold(new StoredObject(type, entry.key.slice(prefix.length), entry.revision, entry))
    }
  }

  /** The revision of the state that is listed. */
  get revision(): bigint {
    return this.#feed.seen
  }

  get size(): number {
    return this.#objects.size
  }

  /** The length of all objects as they are stored. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many past events are kept at most. */
  get capacity(): number {
    return this.#log.capacity
  }

  get statistics(): CacheStatistics {
    return this.#statistics
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Throws an internal error where what stands in the store cannot be read. */
  get(key: string): StoredObject<T> | undefined {
    const stored = this.#objects.get(key)
    if (!stored && this.#unreadable.size > 0) this.#unreadable.checkOne(key)
    return stored
  }

  get hasUnreadable(): boolean {
    return this.#unreadable.size > 0
  }

  /** Reads again what could not be read of a selection: a key or the server that has it may be back. */
  async retry(selection: Selection): Promise<void> {
    for (const { key } of this.#unreadable.in(selection)) {
      const entry = await this.#store.get(this.prefix + key)
      const known = this.#unreadable.get(key)
      if (!entry || entry.fault || known?.entry.revision !== entry.revision) continue
      this.onEvent({ type: 'put', entry })
    }
  }

  /** The objects now, in key order; of one namespace, or of all. */
  all(namespace = ''): StoredObject<T>[] {
    const found: StoredObject<T>[] = []
    this.#objects.visit(namespace === '' ? '' : `${namespace}/`, '', (stored) => void found.push(stored))
    return found
  }

  async list(selection: Selection, query: ListQuery): Promise<ListPage<T>> {
    await this.#checkReadable(selection)
    const { refine } = selection
    if (!refine) return this.#listState(selection, query)
    const { items, revision } = await this.#listState(selection, { ...query, limit: 0 })
    const isRefined = await refine(items)
    return cutPage(items.filter(isRefined), selection, query, revision)
  }

  /** A page of the state that a query wants, of what is selected as far as that can be told on the spot. */
  async #listState(selection: Selection, query: ListQuery): Promise<ListPage<T>> {
    switch (query.state.type) {
      case 'latest':
        await this.#feed.fresh()
        return this.#listNow(selection, query)
      case 'atLeast':
        await this.#feed.waitFor(query.state.revision)
        return this.#listNow(selection, query)
      case 'exact': {
        const { revision } = query.state
        await this.#feed.waitFor(revision)
        if (revision === this.revision) return this.#listNow(selection, query)
        if (revision < this.#log.floor) return this.#listFromStore(selection, query, revision)
        await this.#checkHeld(selection, query, revision)
        return listPast(this.#objects, this.#log, selection, query, revision)
      }
    }
  }

  /** Begins a watch; a start that is too old gives a watch that says so and ends, as upstream's. */
  async watch(selection: Selection, start: WatchStart): Promise<Watcher<T>> {
    if (this.#unreadable.size > 0) {
      await this.retry(selection)
      if (this.#unreadable.in(selection).length > 0) throw tooManyRequests('storage is (re)initializing', 1)
    }
    if (start.type === 'state') {
      await this.#feed.waitFor(start.revision)
      return this.#watchState(selection, start)
    }
    const { floor } = this.#log
    const watcher = this.#addWatcher(selection, start, [])
    if (start.revision < floor) {
      watcher.end(tooOldResourceVersion(start.revision, floor).status)
      return watcher
    }
    this.#log.after(start.revision, (event) => deliver(watcher, event))
    return watcher
  }

  /** Calls `handler` on every change, synchronously. Returns what ends it. */
  subscribe(handler: (change: CacheChange<T>) => void): () => void {
    this.#subscribers.add(handler)
    return () => void this.#subscribers.delete(handler)
  }

  /** Gives every watcher that asked for them, and has seen all, a bookmark of the current revision. */
  sendBookmarks(): void {
    if (this.#watchers.size === 0) return
    const resourceVersion = this.revision.toString()
    for (const watcher of this.#watchers.all()) watcher.bookmark(resourceVersion)
  }

  /**
   * `value` is about to be written at `key`; it is the encoding of `object`, which from now on belongs to the cache. To
   * be followed by `expectNoMore`.
   */
  expect(key: string, value: Uint8Array, object: Writable<T>): void {
    this.#written.set(value, object)
    this.#expected.set(key, value)
  }

  /** `value` has been written at `key`, or has not. */
  expectNoMore(key: string, value: Uint8Array): void {
    if (this.#expected.get(key) === value) this.#expected.delete(key)
  }

  /** The object that was written as `value`, now that it stands in the store as `entry`: the one the cache holds. */
  settle(value: Uint8Array, entry: Entry): StoredObject<T> {
    const key = entry.key.slice(this.prefix.length)
    if (entry.fault) throw internalError(entry.fault)
    const current = this.#objects.get(key)
    if (current?.revision === entry.revision) return current
    return this.#storedFrom(key, entry, value)
  }

  /** Ends all watches and stops following the store; the objects stay there. */
  close(error?: Status & { readonly code: number }): void {
    for (const watcher of this.#watchers.all()) watcher.end(error)
    const entries = this.all().map((stored) => {
      const { key, revision } = stored
      return lazyEntry(this.prefix + key, stored.bytes, revision, revision)
    })
    this.#feed.detach(this.prefix, [...entries, ...this.#unreadable.entries()])
  }

  onEvent(event: StoreEvent): void {
    if (event.type === 'put') {
      const key = event.entry.key.slice(this.prefix.length)
      if (event.entry.fault) return this.#setAside(event.entry)
      const previous = this.#objects.get(key) ?? this.#unreadable.take(key)
      const current = this.#put(event.entry)
      this.#announce(new CacheEvent(key, event.entry.revision, current, previous))
      return
    }
    const key = event.key.slice(this.prefix.length)
    const stored = this.#objects.get(key)
    const previous = stored ?? this.#unreadable.take(key)
    // Known to be gone already when the event is older than the state the cache began with.
    if (!previous) return
    this.#objects.delete(key)
    this.#bytes -= stored?.length ?? 0
    this.#announce(new CacheEvent(key, event.revision, undefined, previous))
  }

  /** What happened meanwhile is unknown, so all watches end: their clients list anew, or watch on and are told 410. */
  onReplaced(entries: readonly Entry[], revision: bigint): void {
    const before = new Map(this.all().map((stored) => [stored.key, stored]))
    this.#objects.clear()
    this.#bytes = 0
    this.#log.reset(revision)
    for (const watcher of this.#watchers.all()) watcher.end()
    for (const { key, last } of this.#unreadable.clear()) if (last) before.set(key, last)
    for (const entry of entries) {
      const key = entry.key.slice(this.prefix.length)
      const previous = before.get(key)
      before.delete(key)
      if (entry.fault) {
        this.#setAside(entry, previous)
        continue
      }
      if (previous?.revision === entry.revision) {
        this.#objects.set(key, previous)
        this.#bytes += previous.length
        continue
      }
      this.#notify({ current: this.#put(entry), previous })
    }
    for (const previous of before.values()) this.#notify({ current: undefined, previous })
  }

  async #checkReadable(selection: Selection): Promise<void> {
    if (this.#unreadable.size === 0) return
    await this.retry(selection)
    this.#unreadable.check(selection, this.type.resource)
  }

  /**
   * Others than those who watch it need not know: they are told when it can be read again, or is gone. It is tried again
   * without being asked for, too.
   */
  #setAside(entry: Entry, previous?: StoredObject<T>): void {
    const key = entry.key.slice(this.prefix.length)
    const stored = this.#objects.get(key)
    this.#objects.delete(key)
    this.#bytes -= stored?.length ?? 0
    this.#unreadable.add(key, entry, stored ?? previous)
    const failure = internalError(entry.fault!).status
    for (const watcher of this.#watchers.all()) if (mayHold(watcher.selection, key)) watcher.end(failure)
    if (this.#unreadable.size === 1) this.#retryLater()
  }

  #retryLater(): void {
    this.#feed.later(retryMs, () => {
      this.retry(everything).then(
        () => this.#unreadable.size > 0 && this.#retryLater(),
        () => this.#retryLater(),
      )
    })
  }

  #put(entry: Entry): StoredObject<T> {
    const key = entry.key.slice(this.prefix.length)
    return this.#hold(this.#storedFrom(key, entry, entry.value))
  }

  #hold(stored: StoredObject<T>): StoredObject<T> {
    this.#bytes += stored.length - (this.#objects.get(stored.key)?.length ?? 0)
    this.#objects.set(stored.key, stored)
    return stored
  }

  /** `value`: the bytes by which it is known what was written here. */
  #storedFrom(key: string, entry: Entry, value: Uint8Array): StoredObject<T> {
    const { revision } = entry
    const given = this.#given(key, value)
    const written = given && this.#written.get(given)
    if (written instanceof StoredObject && written.revision === revision) return written
    const object = written instanceof StoredObject ? undefined : written
    const stored = new StoredObject(this.type, key, revision, entry, object)
    if (given) this.#written.set(given, stored)
    return stored
  }

  /** The bytes that were given to the store for what it brings as `value`, if they were given here. */
  #given(key: string, value: Uint8Array): Uint8Array | undefined {
    if (this.#written.has(value)) return value
    const expected = this.#expected.get(key)
    return expected?.length === value.length && Buffer.compare(expected, value) === 0 ? expected : undefined
  }

  #announce(event: CacheEvent<T>): void {
    this.#statistics.events++
    if (this.#watchers.size > 0) this.#statistics.dispatched++
    this.#log.push(event)
    this.#watchers.dispatch(event)
    this.#notify(event)
  }

  #notify(change: CacheChange<T>): void {
    for (const handler of this.#subscribers) handler(change)
  }

  #listNow(selection: Selection, query: ListQuery): ListPage<T> {
    const isWhole = selection.namespace !== '' || !this.type.resource.namespaced
    if (selection.name !== '' && isWhole) return this.#listOne(selection)
    const { fetched, page } = listCurrent(this.#objects, selection, query, this.revision)
    this.#countList(fetched, page.items.length)
    return page
  }

  #listOne(selection: Selection): ListPage<T> {
    const stored = this.#objects.get(keyPrefix(selection) + selection.name)
    const items = stored && isSelected(selection, stored) ? [stored] : []
    this.#countList(stored ? 1 : 0, items.length)
    return { items, revision: this.revision }
  }

  #countList(fetched: number, returned: number): void {
    this.#statistics.lists++
    this.#statistics.listFetched += fetched
    this.#statistics.listReturned += returned
  }

  /** What the store has compacted cannot be listed any more, also where the cache still knows it. */
  async #checkHeld(selection: Selection, query: ListQuery, revision: bigint): Promise<void> {
    await this.#store.list(`${this.prefix}\0`, { revision, limit: 1 }).catch((error: unknown) => {
      throw interpretListError(error, query, keyPrefix(selection))
    })
  }

  async #listFromStore(selection: Selection, query: ListQuery, revision: bigint): Promise<ListPage<T>> {
    const prefix = keyPrefix(selection)
    const range = await this.#store
      .list(this.prefix + prefix, { revision, startKey: this.prefix + query.startKey })
      .catch((error: unknown) => {
        throw interpretListError(error, query, prefix)
      })
    const objects = range.entries.map((entry) => {
      if (entry.fault) throw internalError(entry.fault)
      const key = entry.key.slice(this.prefix.length)
      const current = this.#objects.get(key)
      return current?.revision === entry.revision ? current : this.#storedFrom(key, entry, entry.value)
    })
    return firstPage(objects, selection, query, revision)
  }

  #watchState(selection: Selection, start: WatchStart): Watcher<T> {
    const objects = this.#listNow(selection, noLimit).items
    const initial = objects.map((stored) => new ObjectEvent('ADDED', stored))
    const watcher = this.#addWatcher(selection, { ...start, revision: this.revision }, initial)
    if (start.markInitialEventsEnd) watcher.bookmark(this.revision.toString(), true)
    return watcher
  }

  #addWatcher(selection: Selection, start: WatchStart, initial: ObjectEvent<T>[]): Watcher<T> {
    const { revision, wantsBookmarks } = start
    const watcher = new Watcher<T>({ selection, after: revision, wantsBookmarks, initial }, () => {
      this.#watchers.remove(watcher)
      if (watcher.endReason === 'slow') this.#statistics.slowWatchers++
    })
    this.#watchers.add(watcher)
    return watcher
  }
}

const noLimit: ListQuery = { state: { type: 'latest' }, startKey: '', limit: 0, paging: false }
