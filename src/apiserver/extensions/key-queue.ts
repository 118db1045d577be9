import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'

const firstDelayMs = 5
const maxDelayMs = 60_000

/**
 * Works on keys one after another, each once however often it was added meanwhile, and again after a delay that grows
 * when the work failed.
 */
export class KeyQueue {
  readonly #work: (key: string) => Promise<number | undefined>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #waiting = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, Cancel>()
  #running: Promise<void> | undefined
  #isClosed = false

  /** `work` tells after how many milliseconds a key is due again, if it is. */
  constructor(work: (key: string) => Promise<number | undefined>, clock: Clock, log: Logger) {
    this.#work = work
    this.#clock = clock
    this.#log = log
  }

  add(key: string): void {
    if (this.#isClosed) return
    this.#waiting.add(key)
    this.#running ??= this.#run()
  }

  /** No work is under way when it resolves. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.clear()
    for (const cancel of this.#timers.values()) cancel()
    await this.#running
  }

  async #run(): Promise<void> {
    // What was added together is begun after whoever added it is done.
    await Promise.resolve()
    for (const key of this.#waiting) {
      this.#waiting.delete(key)
      await this.#workOn(key)
    }
    this.#running = undefined
    if (this.#waiting.size > 0 && !this.#isClosed) this.#running = this.#run()
  }

  async #workOn(key: string): Promise<void> {
    try {
      const again = await this.#work(key)
      this.#failures.delete(key)
      if (again !== undefined) this.#later(key, again)
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      if (this.#isClosed) return
      this.#log.warn('working on a custom resource definition failed', {
        name: key,
        failures,
        error: String(error),
      })
      this.#later(key, Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - 1)))
    }
  }

  #later(key: string, delayMs: number): void {
    if (this.#isClosed) return
    this.#timers.get(key)?.()
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(key)
      this.add(key)
    })
    this.#timers.set(key, cancel)
  }
}
