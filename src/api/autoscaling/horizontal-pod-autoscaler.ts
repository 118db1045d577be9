import type { Writable } from '../../machinery/meta.ts'
import { validateNonnegative } from '../../machinery/validation/object-meta.ts'
import { path } from '../../machinery/field-error.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { HPAScalingRules, HorizontalPodAutoscaler } from '../generated/autoscaling.v2.ts'
import { horizontalPodAutoscalers } from '../generated/resources.ts'
import { servedAsV1 } from './conversion-v1.ts'
import { targetsText } from './metric-texts.ts'
import { validateAutoscalerSpec } from './validation.ts'

const defaultUtilizationPercent = 80

export const horizontalPodAutoscalerDefinition: ResourceDefinition<HorizontalPodAutoscaler> = {
  resource: horizontalPodAutoscalers,
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  alsoServedAs: [servedAsV1],
  strategy: {
    tracksGeneration: false,
    defaults: defaultAutoscaler,
    validate: ({ spec }) => validateAutoscalerSpec(spec, path('spec')),
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) => validateAutoscalerSpec(spec, path('spec'), previous.spec),
    status: {
      validateUpdate: ({ status }) => [
        ...validateNonnegative(status?.currentReplicas ?? 0, path('status', 'currentReplicas')),
        ...validateNonnegative(status?.desiredReplicas ?? 0, path('status', 'desiredReplicas')),
      ],
    },
  },
  columns: [
    nameColumn,
    column('Reference', 'What is scaled.', ({ spec: { scaleTargetRef } }) => {
      return `${scaleTargetRef.kind}/${scaleTargetRef.name}`
    }),
    column('Targets', 'Each metric as it is, and as it shall be.', targetsText),
    column('MinPods', 'As few pods there may be.', ({ spec }) => `${spec.minReplicas ?? '<unset>'}`),
    integerColumn('MaxPods', 'As many pods there may be.', ({ spec }) => spec.maxReplicas),
    integerColumn('Replicas', 'Pods there are.', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
}

/** Source: kubernetes/pkg/apis/autoscaling/v2/defaults.go. */
function defaultAutoscaler({ spec }: Writable<HorizontalPodAutoscaler>): void {
  if (!spec) return
  spec.minReplicas ??= 1
  if (!spec.metrics?.length) {
    const target = { type: 'Utilization', averageUtilization: defaultUtilizationPercent }
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }]
  }
  const { behavior } = spec
  if (!behavior) return
  behavior.scaleUp = completed(behavior.scaleUp, {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  })
  behavior.scaleDown = completed(behavior.scaleDown, {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  })
}

function completed(
  rules: Writable<HPAScalingRules> | undefined,
  defaults: Writable<HPAScalingRules>,
): Writable<HPAScalingRules> {
  return { ...defaults, ...rules }
}
