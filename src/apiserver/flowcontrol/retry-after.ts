const maxRetryAfterSeconds = 32

interface Second {
  readonly atSeconds: number
  readonly requests: number
}

/**
 * When those who were turned away may come again: later and later while many are, sooner again when few are.
 * Source: k8s.io/apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go.
 */
export class RetryAfter {
  #history: Second[] = []
  #currentSeconds = 0
  #currentRequests = 0
  #seconds = 1
  #updatedSeconds = 0

  get seconds(): number {
    return this.#seconds
  }

  /** Notes a request that was turned away. */
  note(nowMs: number): void {
    const nowSeconds = Math.floor(nowMs / 1000)
    if (nowSeconds === this.#currentSeconds) {
      this.#currentRequests++
      return
    }
    this.#history.push({ atSeconds: this.#currentSeconds, requests: this.#currentRequests })
    const oldest = this.#currentSeconds - Math.min(2 * this.#seconds, maxRetryAfterSeconds)
    this.#history = this.#history.filter(({ atSeconds }) => atSeconds >= oldest)
    this.#currentSeconds = nowSeconds
    this.#currentRequests = 1
    this.#update(nowSeconds)
  }

  #update(nowSeconds: number): void {
    const dropped = this.#history
      .filter(({ atSeconds }) => nowSeconds - atSeconds <= this.#seconds && atSeconds < nowSeconds)
      .reduce((all, { requests }) => all + requests, 0)
    if (nowSeconds - this.#updatedSeconds >= this.#seconds && dropped >= 3 * this.#seconds) {
      this.#seconds = Math.min(2 * this.#seconds, maxRetryAfterSeconds)
      this.#updatedSeconds = nowSeconds
    } else if (dropped < this.#seconds && this.#seconds > 1) this.#seconds--
  }
}
