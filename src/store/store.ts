/**
 * What an API server needs of etcd, and no more. Revisions are one strictly growing sequence over all keys.
 * Values are opaque bytes, which nobody changes once they are given to a store or come from one. Every method throws a
 * StoreError where it says so, and nothing else but transport faults.
 */
export interface Store {
  /** The entry at `key` now, or undefined. */
  get(key: string): Promise<Entry | undefined>

  /**
   * The entries under `prefix` in key order, all at one revision.
   * Throws `compacted` when `revision` is no longer held, `future` when it is not yet reached.
   */
  list(prefix: string, options?: ListOptions): Promise<Range>

  /** Writes `value` at `key` if nothing is there. Resolves once durable; throws `conflict` otherwise. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<Entry>

  /**
   * Replaces the value at `key` if its entry still has `revision`. Resolves once durable;
   * throws `conflict`, with the entry found (or none), otherwise.
   */
  update(key: string, value: Uint8Array, revision: bigint, options?: WriteOptions): Promise<Entry>

  /** Removes `key` if its entry still has `revision`; resolves with the revision of the removal, once durable. */
  delete(key: string, revision: bigint): Promise<bigint>

  /**
   * Every change under `prefix` with a revision greater than `after`, in order, each once, plus progress.
   * Calls `onEvents` synchronously per commit with the commit's changes (what happened before the watch began may come
   * several commits at once); `onEnd` once, when the watch is over: with `compacted` when revisions after `after` are
   * gone, with a fault, also with what a handler throws, or without error after its or the store's `close()`.
   */
  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch

  /** Forgets history before `revision`; the current entries stay. */
  compact(revision: bigint): Promise<void>

  /** The latest revision that every earlier acknowledged write is at or below. */
  currentRevision(): Promise<bigint>

  /**
   * Whether `value`, which this store gave or was given for `key`, would now be stored in another form (with another
   * key, say): writing it again is then worth while though nothing differs. Never, when absent.
   */
  isStale?(key: string, value: Uint8Array): boolean

  /** Ends all watches, writes what is pending, releases files and connections. */
  close(): Promise<void>
}

export interface Entry {
  readonly key: string
  readonly value: Uint8Array
  /** Revision of the last write to this key. */
  readonly revision: bigint
  /** Revision at which the key was created. */
  readonly createRevision: bigint
  /** Why the value cannot be read, of a store that stores it in another form: `value` is then empty. */
  readonly fault?: Error
}

export interface ListOptions {
  /** Read the past: the state right after this revision. Now, when absent or 0. */
  readonly revision?: bigint
  /** At most this many entries. All, when absent or 0. */
  readonly limit?: number
  /** Start at this key (inclusive) instead of the prefix's first. */
  readonly startKey?: string
}

export interface Range {
  readonly entries: readonly Entry[]
  /** The revision the range was read at. */
  readonly revision: bigint
  /** Number of further entries under the prefix beyond `limit`. */
  readonly remaining: number
}

export interface WriteOptions {
  /** The entry disappears this long after the write, as a deletion that watches see. Seconds. */
  readonly ttlSeconds?: number
  /**
   * Parts of the value that few readers want, in order: where a store keeps large values compressed, the rest stays
   * plain, to be had by `outlineOf`.
   */
  readonly bulk?: readonly ByteRange[]
}

/** Some of the bytes of a value: from `start` up to `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export type StoreEvent =
  | { readonly type: 'put'; readonly entry: Entry; readonly previous?: Entry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: bigint; readonly previous: Entry }

export interface WatchHandlers {
  onEvents(events: readonly StoreEvent[]): void
  /** Every change up to this revision has been delivered. */
  onProgress?(revision: bigint): void
  onEnd(error?: Error): void
}

export interface StoreWatch {
  /** Asks for an `onProgress` as soon as the watch has caught up with the store's current revision. */
  requestProgress(): void
  close(): void
}

export type StoreErrorReason = 'conflict' | 'compacted' | 'future' | 'closed' | 'tooLarge'

export class StoreError extends Error {
  readonly reason: StoreErrorReason
  /** For `conflict`: what stands at the key, if anything. */
  readonly found: Entry | undefined

  constructor(reason: StoreErrorReason, message: string, found?: Entry) {
    super(message)
    this.name = 'StoreError'
    this.reason = reason
    this.found = found
  }
}
