import { keptEntry } from '../large-value.ts'
import type { Expiring } from '../mvcc/expirations.ts'
import { firstRevision, type MvccStart } from '../mvcc/mvcc.ts'
import type { Entry, StoreEvent } from '../store.ts'
import type { LogRecord } from './record.ts'

/** What a log held when it was opened. */
export interface LoadedLog extends MvccStart {
  readonly expiring: readonly (Expiring & { readonly expiresAtMs: number })[]
}

/** Makes a state and its history of the records of a log, given in the order of their revisions. */
export class Loading {
  /** Revisions of records that neither the state nor the history needs. */
  readonly garbage: bigint[] = []
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

  add(revision: bigint, record: LogRecord): void {
    if (revision > this.#revision) this.#revision = revision
    if (record.type === 'put' && record.expiresAtMs > 0) this.#expiresAtMs.set(record.key, record.expiresAtMs)
    else this.#expiresAtMs.delete(record.key)
    if (revision <= this.#compactedRevision) this.#addToBase(revision, record)
    else this.#addToHistory(revision, record)
  }

  result(): LoadedLog {
    const expiring = this.#expiresAtMs.entries().map(([key, expiresAtMs]) => {
      return { key, revision: this.#current(key)!.revision, expiresAtMs }
    })
    return {
      entries: this.#base.values(),
      events: this.#events,
      revision: this.#revision,
      compactedRevision: this.#compactedRevision,
      expiring: [...expiring],
    }
  }

  #addToBase(revision: bigint, record: LogRecord): void {
    const replaced = this.#base.get(record.key)
    if (replaced) this.garbage.push(replaced.revision)
    if (record.type === 'put') {
      this.#base.set(record.key, entryOf(revision, record))
    } else {
      this.#base.delete(record.key)
      this.garbage.push(revision)
    }
  }

  #addToHistory(revision: bigint, record: LogRecord): void {
    const previous = this.#current(record.key)
    if (record.type === 'put') {
      const entry = entryOf(revision, record)
      this.#changed.set(record.key, entry)
      this.#events.push(previous ? { type: 'put', entry, previous } : { type: 'put', entry })
    } else {
      if (!previous) throw new RangeError(`revision ${revision} deletes what is not there`)
      this.#changed.set(record.key, undefined)
      this.#events.push({ type: 'delete', key: record.key, revision, previous })
    }
  }

  #current(key: string): Entry | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#base.get(key)
  }
}

function entryOf(revision: bigint, { key, value, createRevision }: LogRecord & { type: 'put' }): Entry {
  return keptEntry(key, value, revision, createRevision)
}
