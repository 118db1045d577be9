import type { Clock } from '../../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../../machinery/metrics.ts'
import type { Authorizer, Decision } from '../../authorization/authorizer.ts'

/** Seconds. */
const buckets = exponentialBuckets(0.001, 2, 15)

/**
 * Counts and times who becomes somebody else, and what that asks, under upstream's names.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation/metrics.
 */
export class ImpersonationMetrics {
  readonly #clock: Clock
  readonly #attempts
  readonly #attemptSeconds
  readonly #checks
  readonly #checkSeconds

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock
    const labels = ['mode', 'decision'] as const
    this.#attempts = metrics.counter({
      name: 'apiserver_impersonation_attempts_total',
      help: 'Requests that were to be made as somebody else, by mode and decision.',
      labels,
    })
    this.#attemptSeconds = metrics.histogram({
      name: 'apiserver_impersonation_attempts_duration_seconds',
      help: 'How long it took to find out whether requests may be made as somebody else.',
      labels,
      buckets,
    })
    this.#checks = metrics.counter({
      name: 'apiserver_impersonation_authorization_attempts_total',
      help: 'Questions to authorisers about impersonation, by mode and decision.',
      labels,
    })
    this.#checkSeconds = metrics.histogram({
      name: 'apiserver_impersonation_authorization_attempts_duration_seconds',
      help: 'How long authorisers took to answer questions about impersonation.',
      labels,
      buckets,
    })
  }

  /** Runs and observes one attempt; `constraintOf` tells by which right it succeeded, `''` for the plain one. */
  async attempt<T>(run: () => Promise<T>, constraintOf: (answer: T) => string): Promise<T> {
    const started = this.#clock.monotonic()
    const record = (mode: string, decision: string) => {
      this.#attempts.with({ mode, decision }).add()
      this.#attemptSeconds.with({ mode, decision }).observe((this.#clock.monotonic() - started) / 1000)
    }
    try {
      const answer = await run()
      record(modeOfVerb(constraintOf(answer) || 'impersonate'), 'allowed')
      return answer
    } catch (error) {
      record('', 'denied')
      throw error
    }
  }

  /** As `authorizer`, counted. */
  observeAuthorizer(authorizer: Authorizer): Authorizer {
    const record = (decision: Decision, verb: string, started: number): Decision => {
      const labels = { mode: modeOfVerb(verb), decision: decision.type === 'allow' ? 'allowed' : 'denied' }
      this.#checks.with(labels).add()
      this.#checkSeconds.with(labels).observe((this.#clock.monotonic() - started) / 1000)
      return decision
    }
    return {
      ...authorizer,
      authorize: (attributes) => {
        const started = this.#clock.monotonic()
        const answer = authorizer.authorize(attributes)
        return answer instanceof Promise
          ? answer.then((decision) => record(decision, attributes.verb, started))
          : record(answer, attributes.verb, started)
      },
    }
  }
}

/** `impersonate:node` and `impersonate-on:node:get` are both of mode `node`. */
function modeOfVerb(verb: string): string {
  return /^impersonate(?:-on)?:([^:]+)/.exec(verb)?.[1] ?? 'legacy'
}
