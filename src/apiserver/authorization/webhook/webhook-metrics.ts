import type { Clock } from '../../../machinery/clock.ts'
import { defaultBuckets, type Metrics } from '../../../machinery/metrics.ts'
import { StatusError } from '../../../machinery/status.ts'

/** How a call to a webhook went. */
type CallResult = 'success' | 'timeout' | 'error'

/**
 * Counts and times what one authorisation webhook is asked, and by which conditions it is not, under upstream's names.
 * Source: k8s.io/apiserver/plugin/pkg/authorizer/webhook/metrics, .../pkg/authorization/cel/metrics.go.
 */
export class WebhookMetrics {
  readonly #clock: Clock
  readonly #name: string
  readonly #evaluations
  readonly #durations
  readonly #failOpens
  readonly #conditions
  readonly #conditionErrors
  readonly #exclusions

  constructor(name: string, metrics: Metrics, clock: Clock) {
    this.#clock = clock
    this.#name = name
    this.#evaluations = metrics.counter({
      name: 'apiserver_authorization_webhook_evaluations_total',
      help: "Calls of authorisation webhooks, by result: 'canceled', 'timeout', 'error' or 'success'.",
      labels: ['name', 'result'],
    })
    this.#durations = metrics.histogram({
      name: 'apiserver_authorization_webhook_duration_seconds',
      help: 'How long calls of authorisation webhooks took.',
      labels: ['name', 'result'],
      buckets: defaultBuckets,
    })
    this.#failOpens = metrics.counter({
      name: 'apiserver_authorization_webhook_evaluations_fail_open_total',
      help: 'Calls of authorisation webhooks that failed, and so left the decision to others.',
      labels: ['name', 'result'],
    })
    const labels = ['type', 'name'] as const
    this.#conditions = metrics.histogram({
      name: 'apiserver_authorization_match_condition_evaluation_seconds',
      help: 'How long it took to evaluate match conditions, by type and name of the authoriser.',
      labels,
      buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
    })
    this.#conditionErrors = metrics.counter({
      name: 'apiserver_authorization_match_condition_evaluation_errors_total',
      help: 'Requests whose match conditions could not all be evaluated, by type and name of the authoriser.',
      labels,
    })
    this.#exclusions = metrics.counter({
      name: 'apiserver_authorization_match_condition_exclusions_total',
      help: 'Requests that match conditions kept from an authoriser, by its type and name.',
      labels,
    })
  }

  /** Runs and observes one call. */
  async call<T>(run: () => Promise<T>): Promise<T> {
    const started = this.#clock.monotonic()
    const record = (result: CallResult) => {
      const labels = { name: this.#name, result }
      this.#evaluations.with(labels).add()
      this.#durations.with(labels).observe((this.#clock.monotonic() - started) / 1000)
    }
    try {
      const answer = await run()
      record('success')
      return answer
    } catch (error) {
      record(resultOf(error))
      throw error
    }
  }

  /** All calls about a request failed, and others decide. */
  failedOpen(error: unknown): void {
    this.#failOpens.with({ name: this.#name, result: resultOf(error) }).add()
  }

  /** Runs and observes the evaluation of all conditions for a request. */
  match(evaluate: () => MatchOutcome): MatchOutcome {
    const labels = { type: 'Webhook', name: this.#name }
    const started = this.#clock.monotonic()
    const outcome = evaluate()
    this.#conditions.with(labels).observe((this.#clock.monotonic() - started) / 1000)
    if (outcome.faults.length > 0) this.#conditionErrors.with(labels).add()
    if (!outcome.matches && outcome.isDecided) this.#exclusions.with(labels).add()
    return outcome
  }
}

/** What came of conditions: one that is false decides, whatever others failed. */
export interface MatchOutcome {
  readonly matches: boolean
  readonly isDecided: boolean
  readonly faults: readonly string[]
}

function resultOf(error: unknown): CallResult {
  if (error instanceof StatusError) {
    return error.status.reason === 'Timeout' || error.status.code === 504 ? 'timeout' : 'error'
  }
  return error instanceof Error && error.message.endsWith('context deadline exceeded') ? 'timeout' : 'error'
}
