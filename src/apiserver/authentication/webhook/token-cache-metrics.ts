import type { Clock } from '../../../machinery/clock.ts'
import { defaultBuckets, type Metrics } from '../../../machinery/metrics.ts'

/**
 * Counts which tokens are remembered, and what others make the server ask, under upstream's names.
 * Source: k8s.io/apiserver/pkg/authentication/token/cache/stats.go.
 */
export class TokenCacheMetrics {
  readonly #clock: Clock
  readonly #requests
  readonly #durations
  readonly #fetches
  readonly #active

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock
    this.#durations = metrics.histogram({
      name: 'authentication_token_cache_request_duration_seconds',
      help: '',
      labels: ['status'],
      buckets: defaultBuckets,
    })
    this.#requests = metrics.counter({
      name: 'authentication_token_cache_request_total',
      help: '',
      labels: ['status'],
    })
    this.#fetches = metrics.counter({
      name: 'authentication_token_cache_fetch_total',
      help: '',
      labels: ['status'],
    })
    this.#active = metrics.gauge({
      name: 'authentication_token_cache_active_fetch_count',
      help: '',
      labels: ['status'],
    })
  }

  /** A request with a token was answered: from memory, or not. */
  requested(status: 'hit' | 'miss', started: number): void {
    this.#requests.with({ status }).add()
    this.#durations.with({ status }).observe(Math.trunc(this.#clock.monotonic() - started) / 1000)
  }

  /** Runs and observes one question. */
  async fetching<T>(ask: () => Promise<T>): Promise<T> {
    const inFlight = this.#active.with({ status: 'in_flight' })
    inFlight.add(1)
    try {
      const answer = await ask()
      this.#fetches.with({ status: 'ok' }).add()
      return answer
    } catch (error) {
      this.#fetches.with({ status: 'error' }).add()
      throw error
    } finally {
      inFlight.add(-1)
    }
  }

  /** Observes one request that waits for an answer. */
  async waiting<T>(answer: Promise<T>): Promise<T> {
    const blocked = this.#active.with({ status: 'blocked' })
    blocked.add(1)
    try {
      return await answer
    } finally {
      blocked.add(-1)
    }
  }
}
