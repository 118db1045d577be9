import type { Clock } from './clock.ts'

export interface TokenBucketOptions {
  /** Tokens that come back, a second. */
  readonly qps: number
  /** Tokens that it holds at most, and at the start. */
  readonly burst: number
  readonly clock: Clock
}

/** Lets things happen so often and no more. Source of the semantics: golang.org/x/time/rate. */
export class TokenBucket {
  readonly #options: TokenBucketOptions
  /** Negative while tokens are owed to those who wait. */
  #tokens: number
  #filledMs: number

  constructor(options: TokenBucketOptions) {
    this.#options = options
    this.#tokens = options.burst
    this.#filledMs = options.clock.monotonic()
  }

  /** Takes a token if there is one now. */
  tryTake(): boolean {
    this.#fill()
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Takes the next token that there will be, and says in how many milliseconds that is. */
  take(): number {
    this.#fill()
    this.#tokens--
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#options.qps) * 1000
  }

  #fill(): void {
    const { qps, burst, clock } = this.#options
    const now = clock.monotonic()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledMs) / 1000) * qps)
    this.#filledMs = now
  }
}
