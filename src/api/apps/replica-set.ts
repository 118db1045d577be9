import { path, required, type FieldError } from '../../machinery/field-error.ts'
import { droppingDisabledFields } from '../core/pod/disabled-fields.ts'
import { ageColumn, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ReplicaSet } from '../generated/apps.v1.ts'
import { replicaSets } from '../generated/resources.ts'
import {
  defaultWorkloadSpec,
  nonNegative,
  scaleOfReplicas,
  templateColumns,
  validateCounts,
  validateReplicaParts,
  validateRunningTemplate,
  validateSelection,
  validateSelectorUpdate,
  workloadWarnings,
} from './workload.ts'

export const replicaSetDefinition: ResourceDefinition<ReplicaSet> = {
  resource: replicaSets,
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  strategy: {
    defaults(replicaSet) {
      defaultWorkloadSpec(replicaSet).replicas ??= 1
    },
    ...droppingDisabledFields,
    validate: validateReplicaSet,
    warnings: (replicaSet, previous) => workloadWarnings(replicaSet, previous),
    validateUpdate: validateSelectorUpdate,
    status: {
      validateUpdate: ({ status }) => [
        ...validateCounts(status as Record<string, unknown> | undefined, counted),
        ...validateReplicaParts(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
      ],
    },
    scale: scaleOfReplicas<ReplicaSet>(),
  },
  columns: [
    nameColumn,
    integerColumn('Desired', 'Number of desired pods.', ({ spec }) => spec?.replicas ?? 0),
    integerColumn('Current', 'Number of pods there are.', ({ status }) => status?.replicas ?? 0),
    integerColumn('Ready', 'Number of ready pods.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicaSet>({ selector: true }),
  ],
}

const counted = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
]

function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  return [
    ...nonNegative(spec.replicas, field.child('replicas')),
    ...nonNegative(spec.minReadySeconds, field.child('minReadySeconds')),
    ...validateSelection(spec, field, 'deployment', () =>
      validateRunningTemplate(spec.template, field.child('template')),
    ),
  ]
}
