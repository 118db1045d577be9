import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Metrics } from '../../../machinery/metrics.ts'
import { outOfBudget } from '../expressions/evaluation-fault.ts'

export interface PolicyCheck {
  readonly policy: KubernetesObject
  readonly binding: KubernetesObject
  readonly errorType: string
  /** Of validating policies: `allow`, `deny`, `warn`, `audit`. */
  readonly action?: string
}

/** The kind of a failure, by how it is worded. */
export function errorTypeOf(message: string): string {
  if (message.startsWith('compilation')) return 'compile_error'
  return message.startsWith(outOfBudget) ? 'out_of_budget' : 'invalid_error'
}

const buckets = [0.000_000_5, 0.001, 0.01, 0.1, 1]

/** Counts and times one evaluation, under upstream's names. Source: .../plugin/policy/{validating,mutating}/metrics. */
export function observeCheck(
  metrics: Metrics,
  type: 'validating' | 'mutating',
  { policy, binding, errorType, action }: PolicyCheck,
  seconds: number,
): void {
  const labels = {
    policy: policy.metadata?.name ?? '',
    policy_binding: binding.metadata?.name ?? '',
    error_type: errorType,
    ...(action !== undefined && { enforcement_action: action }),
  }
  const names = Object.keys(labels) as (keyof typeof labels)[]
  const prefix = `apiserver_${type}_admission_policy_check`
  const stability = type === 'validating' ? 'BETA' : 'ALPHA'
  metrics
    .counter({ name: `${prefix}_total`, help: 'Evaluations of policies.', labels: names, stability })
    .with(labels as Required<typeof labels>)
    .add()
  metrics
    .histogram({
      name: `${prefix}_duration_seconds`,
      help: 'How long evaluations of policies took.',
      labels: names,
      buckets,
      stability,
    })
    .with(labels as Required<typeof labels>)
    .observe(seconds)
}
