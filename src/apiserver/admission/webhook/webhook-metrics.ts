import type { Metrics } from '../../../machinery/metrics.ts'
import { countExclusion, observeConditions, type ConditionSubject } from '../expressions/condition-metrics.ts'
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
  readonly #metrics: Metrics

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
    this.#metrics = metrics
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
    observeConditions(this.#metrics, subject, seconds, result.errors)
    if (result.excluded) countExclusion(this.#metrics, subject)
  }
}

export interface CallOutcome {
  readonly code: number
  readonly seconds: number
  /** Absent when the request may go on. */
  readonly rejection?: RejectionType
}

/** Codes beyond HTTP's are one, so that nobody can make series without end. */
function boundedCode(code: number): string {
  return String(Math.min(code, 600))
}
