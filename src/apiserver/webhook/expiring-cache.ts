import type { Clock } from '../../machinery/clock.ts'

/** Answers that are remembered for a while; the least recently used ones go when there are too many. */
export class ExpiringCache<T> {
  readonly #clock: Clock
  readonly #limit: number
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>()

  constructor(clock: Clock, limit: number) {
    this.#clock = clock
    this.#limit = limit
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    if (entry.until <= this.#clock.monotonic()) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: T, lifetimeMs: number): void {
    if (lifetimeMs <= 0) return
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#clock.monotonic() + lifetimeMs })
    if (this.#entries.size <= this.#limit) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
