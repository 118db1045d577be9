import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { tooLargeResourceVersion } from '../../machinery/status-errors.ts'
import type { Entry, Store, StoreEvent, StoreWatch } from '../../store/store.ts'

/** Under which everything stands in the store. */
export const registryRoot = '/registry/'

/** How long a read waits for the cache to reach a revision. Source: k8s.io/apiserver/pkg/storage/cacher. */
const blockTimeoutMs = 3_000
const retryDelayMs = 1_000
const loadPageSize = 10_000

/** What a resource's cache is to the feed. */
export interface Shelf {
  onEvent(event: StoreEvent): void
  /** History was lost: this is the state now. */
  onReplaced(entries: readonly Entry[], revision: bigint): void
}

interface Waiter {
  readonly revision: bigint
  readonly resolve: () => void
}

/**
 * The one watch over the store, from which the caches of all resources are fed, so that they are all at one revision
 * and that revision is the store's. What belongs to no cache (yet) is kept as it is, so that a cache can be made
 * at any time, at once.
 */
export class StoreFeed {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Logger
  readonly #shelves = new Map<string, Shelf>()
  /** Entries by key, by prefix, of prefixes without a shelf. */
  readonly #unclaimed = new Map<string, Map<string, Entry>>()
  readonly #waiters = new Set<Waiter>()
  #seen = 0n
  #watch: StoreWatch | undefined
  #closed = false

  private constructor(store: Store, clock: Clock, log: Logger) {
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Reads what the store has and follows it from then on. */
  static async open(store: Store, clock: Clock, log: Logger): Promise<StoreFeed> {
    const feed = new StoreFeed(store, clock, log)
    await feed.#load()
    return feed
  }

  /** Every change up to this revision has reached the caches. */
  get seen(): bigint {
    return this.#seen
  }

  /** Gives all entries under `/registry/<group>/<resource>/` to `shelf`, and every change from now on. */
  attach(prefix: string, shelf: Shelf): readonly Entry[] {
    if (this.#shelves.has(prefix)) throw new Error(`${prefix} has a cache already`)
    this.#shelves.set(prefix, shelf)
    const entries = [...(this.#unclaimed.get(prefix)?.values() ?? [])]
    this.#unclaimed.delete(prefix)
    return entries
  }

  /** Ends what `attach` began; `entries` are what stands there now, for a later shelf. */
  detach(prefix: string, entries: readonly Entry[]): void {
    this.#shelves.delete(prefix)
    this.#unclaimed.set(prefix, new Map(entries.map((entry) => [entry.key, entry])))
  }

  /** Resolves when every write acknowledged before the call is in the caches. */
  async fresh(): Promise<void> {
    const revision = await this.#store.currentRevision()
    if (revision > this.#seen) await this.waitFor(revision)
  }

  /** Resolves when every write up to `revision` is in the caches; throws a StatusError when that takes too long. */
  async waitFor(revision: bigint): Promise<void> {
    if (revision <= this.#seen) return
    this.#watch?.requestProgress()
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        resolve: () => {
          cancel()
          resolve()
        },
      }
      const cancel = this.#clock.after(blockTimeoutMs, () => {
        this.#waiters.delete(waiter)
        reject(tooLargeResourceVersion(revision, this.#seen, 1))
      })
      this.#waiters.add(waiter)
    })
  }

  /** Calls `run` once, `delayMs` from now, unless the feed is closed by then. */
  later(delayMs: number, run: () => void): void {
    this.#clock.after(delayMs, () => {
      if (!this.#closed) run()
    })
  }

  close(): void {
    this.#closed = true
    this.#watch?.close()
  }

  async #load(): Promise<void> {
    const byPrefix = new Map<string, Entry[]>([...this.#shelves.keys()].map((prefix) => [prefix, []]))
    let range = await this.#store.list(registryRoot, { limit: loadPageSize })
    const { revision } = range
    for (;;) {
      for (const entry of range.entries) {
        const prefix = prefixOf(entry.key)
        const entries = byPrefix.get(prefix)
        if (entries) entries.push(entry)
        else byPrefix.set(prefix, [entry])
      }
      if (range.remaining === 0) break
      const startKey = `${range.entries.at(-1)!.key}\0`
      range = await this.#store.list(registryRoot, { limit: loadPageSize, startKey, revision })
    }
    this.#replace(byPrefix, revision)
    this.#follow(revision)
  }

  #replace(byPrefix: ReadonlyMap<string, readonly Entry[]>, revision: bigint): void {
    this.#unclaimed.clear()
    for (const [prefix, entries] of byPrefix) {
      const shelf = this.#shelves.get(prefix)
      if (shelf) shelf.onReplaced(entries, revision)
      else this.#unclaimed.set(prefix, new Map(entries.map((entry) => [entry.key, entry])))
    }
    this.#advance(revision)
  }

  #follow(after: bigint): void {
    this.#watch = this.#store.watch(registryRoot, after, {
      onEvents: (events) => this.#onEvents(events),
      onProgress: (revision) => this.#advance(revision),
      onEnd: (error) => {
        this.#watch = undefined
        if (this.#closed) return
        this.#log.warn('watch over the store ended, reading it anew', { error: error?.message })
        this.#clock.after(retryDelayMs, () => void this.#reload())
      },
    })
  }

  async #reload(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#load()
    } catch (error) {
      if (this.#closed) return
      this.#log.error('reading the store failed, trying again', { error: String(error) })
      this.#clock.after(retryDelayMs, () => void this.#reload())
    }
  }

  #onEvents(events: readonly StoreEvent[]): void {
    for (const event of events) {
      const key = event.type === 'put' ? event.entry.key : event.key
      const prefix = prefixOf(key)
      const shelf = this.#shelves.get(prefix)
      if (shelf) shelf.onEvent(event)
      else this.#keep(prefix, event)
    }
    const last = events.at(-1)
    if (last) this.#advance(last.type === 'put' ? last.entry.revision : last.revision)
  }

  #keep(prefix: string, event: StoreEvent): void {
    let entries = this.#unclaimed.get(prefix)
    if (!entries) this.#unclaimed.set(prefix, (entries = new Map()))
    if (event.type === 'put') entries.set(event.entry.key, event.entry)
    else entries.delete(event.key)
  }

  #advance(revision: bigint): void {
    if (revision <= this.#seen) return
    this.#seen = revision
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }
}

/** `/registry/<group>/<resource>/` of a key. */
function prefixOf(key: string): string {
  const group = key.indexOf('/', registryRoot.length)
  return key.slice(0, key.indexOf('/', group + 1) + 1)
}
