import type { Cancel, Clock } from '../../machinery/clock.ts'
import { badRequest, timeoutError } from '../../machinery/status-errors.ts'
import { DurationError, parseDuration } from '../../machinery/duration.ts'
import { Slots } from '../../machinery/slots.ts'
import type { HttpRequest } from './http-exchange.ts'

/** Source: k8s.io/apiserver, --request-timeout. */
export const defaultTimeoutMs = 60_000
const sweepMs = 1_000

interface Pending {
  readonly expiresAt: number
  readonly expire: () => void
}

/** Ends requests that take too long. One timer for all of them: a deadline costs nothing while it is kept. */
export class Deadlines {
  readonly #clock: Clock
  readonly #pending = new Slots<Pending>()
  #cancel: Cancel | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The outcome of `work`, or 504 when `timeoutMs` are over; then `work` goes on unheard. */
  within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let isPending = true
    const leave = () => {
      if (isPending) this.#pending.remove(slot)
      isPending = false
    }
    const slot = this.#pending.add({
      expiresAt: this.#clock.monotonic() + timeoutMs,
      expire: () => {
        leave()
        reject(
          timeoutError('request did not complete within requested timeout - context deadline exceeded', 0),
        )
      },
    })
    this.#cancel ??= this.#clock.after(sweepMs, () => this.#sweep())
    work.then(
      (outcome) => {
        leave()
        resolve(outcome)
      },
      (error: unknown) => {
        leave()
        reject(error)
      },
    )
    return promise
  }

  close(): void {
    this.#cancel?.()
  }

  #sweep(): void {
    this.#cancel = undefined
    const now = this.#clock.monotonic()
    for (const entry of this.#pending) if (entry.expiresAt <= now) entry.expire()
    if (this.#pending.size > 0) this.#cancel = this.#clock.after(sweepMs, () => this.#sweep())
  }
}

/** How long a request may take: what its `timeout` parameter says, at most a minute. Throws BadRequest. */
export function timeoutOf({ url, query }: HttpRequest): number {
  const text = url.includes('timeout=') ? query.get('timeout') : undefined
  if (!text) return defaultTimeoutMs
  try {
    const wanted = parseDuration(text)
    if (wanted < 0)
      throw badRequest('invalid timeout specified in the request URL - timeout cannot be negative')
    return wanted === 0 ? defaultTimeoutMs : Math.min(wanted, defaultTimeoutMs)
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    throw badRequest(`invalid timeout specified in the request URL - ${error.message}`)
  }
}
