import type { Metrics } from '../../../machinery/metrics.ts'
import type { Operation } from '../plugin.ts'

/** Step of admission, in upstream's words: mutation is `admit`. */
export type WebhookType = 'admit' | 'validating'

export type RejectionType = 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error'

/** Counts and times calls of webhooks, under upstream's names. Source: k8s.io/apiserver/pkg/admission/metrics. */
export class WebhookMetrics {
  readonly #duration
  readonly #requests
  readonly #rejections
  readonly #failOpen
  readonly #evaluationErrors
  readonly #exclusions
  readonly #evaluationSeconds

  constructor(metrics: Metrics) {
    this.#duration = metrics.histogram({
      name: 'apiserver_admission_webhook_admission_duration_seconds',
      help: 'How long admission webhooks took, by webhook, operation and type (validating or admit).',
      labels: ['name', 'type', 'operation', 'rejected'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
      stability: 'STABLE',
    })
    this.#requests = metrics.counter({
      name: 'apiserver_admission_webhook_request_total',
      help: 'Calls of admission webhooks, by webhook, operation, type, code and whether the request was refused.',
      labels: ['name', 'type', 'operation', 'code', 'rejected'],
    })
    this.#rejections = metrics.counter({
      name: 'apiserver_admission_webhook_rejection_count',
      help: 'Requests refused for a webhook, by webhook, operation, type, kind of failure and code.',
      labels: ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    })
    this.#failOpen = metrics.counter({
      name: 'apiserver_admission_webhook_fail_open_count',
      help: 'Failed calls of admission webhooks that were ignored.',
      labels: ['name', 'type'],
    })
    this.#evaluationErrors = metrics.counter({
      name: 'apiserver_admission_match_condition_evaluation_errors_total',
      help: 'Match conditions that could not be evaluated.',
      labels: ['name', 'kind', 'type', 'operation'],
    })
    this.#exclusions = metrics.counter({
      name: 'apiserver_admission_match_condition_exclusions_total',
      help: 'Requests that a match condition kept from a webhook or a policy.',
      labels: ['name', 'kind', 'type', 'operation'],
    })
    this.#evaluationSeconds = metrics.histogram({
      name: 'apiserver_admission_match_condition_evaluation_seconds',
      help: 'How long the match conditions of a webhook or a policy took.',
      labels: ['name', 'kind', 'type', 'operation'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
    })
  }

  called(name: string, type: WebhookType, operation: Operation, outcome: CallOutcome): void {
    const { code, seconds } = outcome
    const rejected = String(outcome.rejection !== undefined)
    this.#requests.with({ name, type, operation, code: boundedCode(code), rejected }).add()
    this.#duration.with({ name, type, operation, rejected }).observe(seconds)
    if (outcome.rejection !== undefined) {
      const labels = { name, type, operation, error_type: outcome.rejection }
      this.#rejections.with({ ...labels, rejection_code: boundedCode(code) }).add()
    }
  }

  failedOpen(name: string, type: WebhookType): void {
    this.#failOpen.with({ name, type }).add()
  }

  evaluated(
    subject: ConditionSubject,
    seconds: number,
    result: { readonly errors: number; readonly excluded: boolean },
  ) {
    this.#evaluationSeconds.with({ ...subject }).observe(seconds)
    if (result.errors > 0) this.#evaluationErrors.with({ ...subject }).add(result.errors)
    if (result.excluded) this.#exclusions.with({ ...subject }).add()
  }
}

export interface CallOutcome {
  readonly code: number
  readonly seconds: number
  /** Absent when the request may go on. */
  readonly rejection?: RejectionType
}

/** Whose match conditions. */
export interface ConditionSubject {
  readonly name: string
  readonly kind: 'webhook' | 'policy'
  readonly type: string
  readonly operation: Operation
}

/** Codes beyond HTTP's are one, so that nobody can make series without end. */
function boundedCode(code: number): string {
  return String(Math.min(code, 600))
}
