import type { Metrics } from '../../../machinery/metrics.ts'
import type { Operation } from '../plugin.ts'

/** Whose match conditions. */
export interface ConditionSubject {
  readonly name: string
  readonly kind: 'webhook' | 'policy'
  readonly type: string
  readonly operation: Operation
}

const labels = ['name', 'kind', 'type', 'operation'] as const

/** Counts and times match conditions under upstream's names. Source: k8s.io/apiserver/pkg/admission/metrics. */
export function observeConditions(
  metrics: Metrics,
  subject: ConditionSubject,
  seconds: number,
  errors: number,
): void {
  metrics
    .histogram({
      name: 'apiserver_admission_match_condition_evaluation_seconds',
      help: 'How long the match conditions of a webhook or a policy took.',
      labels,
      buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
    })
    .with({ ...subject })
    .observe(seconds)
  if (errors === 0) return
  metrics
    .counter({
      name: 'apiserver_admission_match_condition_evaluation_errors_total',
      help: 'Match conditions that could not be evaluated.',
      labels,
    })
    .with({ ...subject })
    .add(errors)
}

/** A request that match conditions kept from a webhook. */
export function countExclusion(metrics: Metrics, subject: ConditionSubject): void {
  metrics
    .counter({
      name: 'apiserver_admission_match_condition_exclusions_total',
      help: 'Requests that match conditions kept from a webhook.',
      labels,
    })
    .with({ ...subject })
    .add()
}
