import type { Cancel, Clock } from '../../machinery/clock.ts'

/** An entry as it was written with a time to live. */
export interface Expiring {
  readonly key: string
  /** The entry lives on when it has been written again since. */
  readonly revision: bigint
}

/** Deadlines are rounded up to this, so that many entries share one timer and one commit. */
const granularityMs = 1000

/** Tells when entries have outlived their time. Holds one timer, and none while nothing is to expire. */
export class Expirations {
  readonly #clock: Clock
  readonly #expire: (expired: readonly Expiring[]) => void
  readonly #byDeadline = new Map<number, Expiring[]>()
  #cancel: Cancel | undefined
  #nextMs = Infinity

  constructor(clock: Clock, expire: (expired: readonly Expiring[]) => void) {
    this.#clock = clock
    this.#expire = expire
  }

  add(expiring: Expiring, inMs: number): void {
    const deadlineMs = Math.ceil((this.#clock.monotonic() + inMs) / granularityMs) * granularityMs
    const others = this.#byDeadline.get(deadlineMs)
    if (others) others.push(expiring)
    else this.#byDeadline.set(deadlineMs, [expiring])
    if (deadlineMs < this.#nextMs) this.#schedule(deadlineMs)
  }

  close(): void {
    this.#cancel?.()
    this.#byDeadline.clear()
  }

  #schedule(deadlineMs: number): void {
    this.#cancel?.()
    this.#nextMs = deadlineMs
    this.#cancel = this.#clock.after(deadlineMs - this.#clock.monotonic(), () => this.#run())
  }

  #run(): void {
    const nowMs = this.#clock.monotonic()
    const expired: Expiring[] = []
    let nextMs = Infinity
    for (const [deadlineMs, group] of this.#byDeadline) {
      if (deadlineMs > nowMs) {
        nextMs = Math.min(nextMs, deadlineMs)
        continue
      }
      for (const expiring of group) expired.push(expiring)
      this.#byDeadline.delete(deadlineMs)
    }
    this.#nextMs = Infinity
    if (nextMs < Infinity) this.#schedule(nextMs)
    if (expired.length > 0) this.#expire(expired)
  }
}
