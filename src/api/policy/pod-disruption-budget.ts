import { path, invalid, notSupported, type FieldError } from '../../machinery/field-error.ts'
import { validateConditions } from '../../machinery/validation/conditions.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { atMostAll, validateShare } from '../apps/deployment.ts'
import { nonNegative } from '../apps/workload.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import { internalForm } from '../internal-form.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PodDisruptionBudget } from '../generated/policy.v1.ts'
import { podDisruptionBudgets } from '../generated/resources.ts'

export const podDisruptionBudgetDefinition: ResourceDefinition<PodDisruptionBudget> = {
  resource: podDisruptionBudgets,
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  // Upstream asks no more of a budget's name than that it fits into a URL.
  strategy: {
    nameRule: 'pathSegment',
    allowUnconditionalUpdate: false,
    validate: validateBudget,
    status: { validateUpdate: validateStatus },
  },
  columns: [
    nameColumn,
    column('Min Available', 'Pods that must stay available.', ({ spec }) => `${spec?.minAvailable ?? 'N/A'}`),
    column(
      'Max Unavailable',
      'Pods that may be unavailable.',
      ({ spec }) => `${spec?.maxUnavailable ?? 'N/A'}`,
    ),
    integerColumn(
      'Allowed Disruptions',
      'Pods that may be evicted now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ),
    ageColumn,
  ],
}

const policies = ['AlwaysAllow', 'IfHealthyBudget']

function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const field = path('spec')
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec ?? {}
  const errors: FieldError[] = []
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(
      invalid(
        field,
        internalForm('policy.v1.PodDisruptionBudgetSpec', spec ?? {}),
        'minAvailable and maxUnavailable cannot be both set',
      ),
    )
  }
  for (const [name, value] of Object.entries({ minAvailable, maxUnavailable })) {
    errors.push(...validateShare(value, field.child(name)), ...atMostAll(value, field.child(name)))
  }
  if (selector) errors.push(...validateLabelSelector(selector, field.child('selector')))
  if (unhealthyPodEvictionPolicy && !policies.includes(unhealthyPodEvictionPolicy)) {
    errors.push(notSupported(field.child('unhealthyPodEvictionPolicy'), unhealthyPodEvictionPolicy, policies))
  }
  return errors
}

const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const

function validateStatus({ status }: PodDisruptionBudget): FieldError[] {
  const field = path('status')
  return [
    ...validateConditions(status?.conditions, field.child('conditions')),
    ...counts.flatMap((name) => nonNegative(status?.[name], field.child(name))),
  ]
}
