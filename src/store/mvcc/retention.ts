import type { Cancel, Clock } from '../../machinery/clock.ts'
import { keptLength } from '../large-value.ts'
import type { Mvcc } from './mvcc.ts'
import { eventRevision } from './event.ts'

/** How much history a store keeps by itself. Whatever exceeds one of these is compacted. */
export interface HistoryLimits {
  /** How long a past revision can still be read and watched from. */
  readonly ageMs: number
  /** Number of changes. */
  readonly events: number
  /** Bytes held for the values that the changes wrote. */
  readonly bytes: number
}

/** Upstream's API servers compact every five minutes; the other two bound the memory of a store under churn. */
export const defaultHistoryLimits: HistoryLimits = { ageMs: 300_000, events: 100_000, bytes: 128 << 20 }

const checksPerAge = 10
/** The share of a limit that is left when it was reached: not every commit compacts, and none compacts for long. */
const keptShare = 0.98

/** Compacts history by age and size. Holds a timer only while there is history. */
export class Retention {
  readonly #clock: Clock
  readonly #mvcc: Mvcc
  readonly #limits: HistoryLimits
  readonly #compact: (revision: bigint) => void
  #marks: { readonly atMs: number; readonly revision: bigint }[] = []
  #cancel: Cancel | undefined

  constructor(clock: Clock, mvcc: Mvcc, limits: HistoryLimits, compact: (revision: bigint) => void) {
    this.#clock = clock
    this.#mvcc = mvcc
    this.#limits = limits
    this.#compact = compact
    this.committed()
  }

  /** To be called after every commit. */
  committed(): void {
    const { history } = this.#mvcc
    if (!this.#cancel && history.length > 0) this.#mark()
    if (history.length > this.#limits.events || history.bytes > this.#limits.bytes) this.#trim()
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #mark(): void {
    this.#marks.push({ atMs: this.#clock.monotonic(), revision: this.#mvcc.revision })
    this.#cancel = this.#clock.after(this.#limits.ageMs / checksPerAge, () => this.#check())
  }

  #check(): void {
    this.#cancel = undefined
    const bornBeforeMs = this.#clock.monotonic() - this.#limits.ageMs
    const old = this.#marks.findLast((mark) => mark.atMs <= bornBeforeMs)
    if (old) {
      this.#marks = this.#marks.filter((mark) => mark.atMs > old.atMs)
      this.#compact(old.revision)
    }
    if (this.#mvcc.history.length > 0) this.#mark()
    else this.#marks = []
  }

  #trim(): void {
    const { history } = this.#mvcc
    let events = history.length
    let bytes = history.bytes
    let index = 0
    while (events > this.#limits.events * keptShare || bytes > this.#limits.bytes * keptShare) {
      const event = history.at(index++)!
      events--
      bytes -= event.type === 'put' ? keptLength(event.entry) : 0
    }
    this.#compact(eventRevision(history.at(index - 1)!))
  }
}
