import type { Entry, ListOptions, Range, StoreEvent, StoreWatch, WatchHandlers } from '../store.ts'
import { StoreError } from '../store.ts'
import { eventKey, eventResult, eventRevision } from './event.ts'
import { History } from './history.ts'
import { OrderedKeys, partition } from './ordered-keys.ts'
import { WatchHub } from './watch-hub.ts'

/** A key that has an entry, or had one in the history that is still held. */
interface Slot {
  readonly key: string
  current: Entry | undefined
  /** The changes to this key in the history, oldest first. */
  past: StoreEvent[] | undefined
}

/** What a state starts from when it does not start empty. */
export interface MvccStart {
  /** In any order, one per key. */
  readonly entries: Iterable<Entry>
  /** The changes after `compactedRevision`, oldest first; `entries` is the state before them. */
  readonly events: readonly StoreEvent[]
  readonly revision: bigint
  readonly compactedRevision: bigint
}

/** A store that nothing was ever written to has this revision, as etcd's has: 0 means "none" to API clients. */
export const firstRevision = 1n

const emptyStart: MvccStart = { entries: [], events: [], revision: firstRevision, compactedRevision: 0n }

/**
 * Every key with its entry now and, as far back as the last compaction, at any revision; and the watches on them.
 * Knows neither time nor disk: whoever owns it decides when a change counts and applies it.
 */
export class Mvcc {
  readonly history = new History()
  readonly #slots = new Map<string, Slot>()
  /** The slots that have an entry now. */
  readonly #live = new OrderedKeys<Slot>()
  /** The slots that only have a past. */
  readonly #gone = new OrderedKeys<Slot>()
  readonly #hub: WatchHub
  #revision: bigint
  #compactedRevision: bigint

  constructor(onFault: (error: unknown) => void, start: MvccStart = emptyStart) {
    this.#hub = new WatchHub(this, onFault)
    this.#revision = start.revision
    this.#compactedRevision = start.compactedRevision
    for (const entry of start.entries) {
      const slot: Slot = { key: entry.key, current: entry, past: undefined }
      this.#slots.set(entry.key, slot)
      this.#live.add(slot)
    }
    for (const event of start.events) this.#record(event)
    this.#revision = start.revision
  }

  get revision(): bigint {
    return this.#revision
  }

  /** Changes up to here are no longer held; the state right after it still is. */
  get compactedRevision(): bigint {
    return this.#compactedRevision
  }

  get(key: string): Entry | undefined {
    return this.#slots.get(key)?.current
  }

  list(prefix: string, options: ListOptions = {}): Range {
    // Zero means "now", as it does to etcd.
    const revision = options.revision || this.#revision
    if (revision > this.#revision) {
      throw new StoreError(
        'future',
        `revision ${revision} is not reached yet, the latest is ${this.#revision}`,
      )
    }
    if (revision < this.#compactedRevision) {
      throw new StoreError(
        'compacted',
        `revision ${revision} has been compacted, up to ${this.#compactedRevision}`,
      )
    }
    const startKey = options.startKey ?? prefix
    const limit = options.limit || Infinity
    return revision === this.#revision
      ? this.#listNow(prefix, startKey, limit)
      : this.#listThen(prefix, startKey, limit, revision)
  }

  /** Makes the changes of one commit, whose revisions follow one another, and tells the watches. */
  apply(events: readonly StoreEvent[]): void {
    for (const event of events) this.#record(event)
    this.#hub.publish(events)
  }

  /** Forgets the changes up to `revision` and returns them. A revision that is compacted already changes nothing. */
  compact(revision: bigint): readonly StoreEvent[] {
    if (revision > this.#revision) {
      throw new StoreError(
        'future',
        `revision ${revision} is not reached yet, the latest is ${this.#revision}`,
      )
    }
    if (revision <= this.#compactedRevision) return []
    this.#compactedRevision = revision
    const dropped = this.history.dropThrough(revision)
    const drops = new Map<string, number>()
    for (const event of dropped) drops.set(eventKey(event), (drops.get(eventKey(event)) ?? 0) + 1)
    for (const [key, count] of drops) this.#forget(this.#slots.get(key)!, count)
    return dropped
  }

  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
    return this.#hub.watch(prefix, after, handlers)
  }

  /** Ends all watches. */
  close(): void {
    this.#hub.close()
  }

  #listNow(prefix: string, startKey: string, limit: number): Range {
    const entries: Entry[] = []
    this.#live.visit(prefix, startKey, (slot) => entries.push(slot.current!) < limit)
    const remaining = entries.length < limit ? 0 : this.#live.count(prefix, startKey) - entries.length
    return { entries, revision: this.#revision, remaining }
  }

  #listThen(prefix: string, startKey: string, limit: number, revision: bigint): Range {
    // The deleted keys are sorted in among the others by the same order.
    const found = new OrderedKeys<Entry>()
    const gone: Entry[] = []
    const collect = (into: (entry: Entry) => void) => (slot: Slot) => {
      const entry = entryAt(slot, revision)
      if (entry) into(entry)
      return true
    }
    this.#gone.visit(
      prefix,
      startKey,
      collect((entry) => gone.push(entry)),
    )
    const entries: Entry[] = []
    if (gone.length === 0) {
      this.#live.visit(
        prefix,
        startKey,
        collect((entry) => entries.push(entry)),
      )
    } else {
      for (const entry of gone) found.add(entry)
      this.#live.visit(
        prefix,
        startKey,
        collect((entry) => found.add(entry)),
      )
      found.visit(prefix, startKey, (entry) => entries.push(entry) > 0)
    }
    const page = entries.length > limit ? entries.slice(0, limit) : entries
    return { entries: page, revision, remaining: entries.length - page.length }
  }

  #record(event: StoreEvent): void {
    const key = eventKey(event)
    const next = eventResult(event)
    let slot = this.#slots.get(key)
    if (!slot) {
      slot = { key, current: undefined, past: undefined }
      this.#slots.set(key, slot)
      this.#live.add(slot)
    } else if (!slot.current) {
      this.#gone.remove(key)
      this.#live.add(slot)
    }
    if (!next) {
      this.#live.remove(key)
      this.#gone.add(slot)
    }
    slot.current = next
    if (slot.past) slot.past.push(event)
    else slot.past = [event]
    this.history.push(event)
    this.#revision = eventRevision(event)
  }

  #forget(slot: Slot, count: number): void {
    if (slot.past!.length > count) {
      slot.past!.splice(0, count)
      return
    }
    slot.past = undefined
    if (slot.current) return
    this.#gone.remove(slot.key)
    this.#slots.delete(slot.key)
  }
}

/** The entry that stood at the key right after `revision`. */
function entryAt({ past, current }: Slot, revision: bigint): Entry | undefined {
  if (!past) return current
  const next = past[partition(past, (event) => eventRevision(event) <= revision)]
  return next ? next.previous : current
}
