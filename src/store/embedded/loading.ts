import { compressedBytes, copiedEntry, copyOfForm, lazyEntry } from '../large-value.ts'
import { firstRevision, type MvccStart } from '../mvcc/mvcc.ts'
import type { Entry, StoreEvent } from '../store.ts'
import { type ChangeRecord, isCompressed } from './record.ts'

/** What a log held when it was opened. */
export interface LoadedLog extends MvccStart {
  readonly expiring: readonly { readonly entry: Entry; readonly expiresAtMs: number }[]
}

/** Makes a state and its history of the records of a log, given in the order of their revisions. */
export class Loading {
  readonly #compactedRevision: bigint
  readonly #base = new Map<string, Entry>()
  /** The entries after the history, where they differ from the base. */
  readonly #changed = new Map<string, Entry | undefined>()
  readonly #events: StoreEvent[] = []
  readonly #expiresAtMs = new Map<string, number>()
  #revision: bigint

  constructor(compactedRevision: bigint) {
    this.#compactedRevision = compactedRevision
    this.#revision = compactedRevision > firstRevision ? compactedRevision : firstRevision
  }

  add(record: ChangeRecord): void {
    const { revision } = record
    if (revision > this.#revision) this.#revision = revision
    if (record.type === 'put' && record.expiresAtMs > 0) this.#expiresAtMs.set(record.key, record.expiresAtMs)
    else this.#expiresAtMs.delete(record.key)
    if (revision <= this.#compactedRevision) this.#addToBase(record)
    else this.#addToHistory(record)
  }

  result(): LoadedLog {
    const expiring = this.#expiresAtMs.entries().map(([key, expiresAtMs]) => {
      return { entry: this.#current(key)!, expiresAtMs }
    })
    return {
      entries: this.#base.values(),
      events: this.#events,
      revision: this.#revision,
      compactedRevision: this.#compactedRevision,
      expiring: [...expiring],
    }
  }

  #addToBase(record: ChangeRecord): void {
    if (record.type === 'put') this.#base.set(record.key, entryOf(record))
    else this.#base.delete(record.key)
  }

  #addToHistory(record: ChangeRecord): void {
    const { key, revision } = record
    const previous = this.#current(key)
    if (record.type === 'put') {
      const entry = entryOf(record)
      this.#changed.set(key, entry)
      this.#events.push(previous ? { type: 'put', entry, previous } : { type: 'put', entry })
    } else {
      if (!previous) throw new RangeError(`revision ${revision} deletes what is not there`)
      this.#changed.set(key, undefined)
      this.#events.push({ type: 'delete', key, revision, previous })
    }
  }

  #current(key: string): Entry | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#base.get(key)
  }
}

function entryOf({ key, value, revision, createRevision }: ChangeRecord & { type: 'put' }): Entry {
  if (!isCompressed(value)) return copiedEntry(key, value, revision, createRevision)
  return lazyEntry(key, compressedBytes(copyOfForm(value)), revision, createRevision)
}
