import { formatLabelSelector, fromLabels, matchesLabels } from '../../machinery/label-selector.ts'
import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import {
  defaultTemplate,
  nonNegative,
  validateCounts,
  validateReplicaParts,
  validateRunningTemplate,
  workloadWarnings,
} from '../apps/workload.ts'
import { ageColumn, column, integerColumn, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { droppingDisabledFields } from './pod/disabled-fields.ts'
import type { ReplicationController } from '../generated/core.v1.ts'
import { replicationControllers } from '../generated/resources.ts'
import { internalMap } from '../internal-form.ts'

export const replicationControllerDefinition: ResourceDefinition<ReplicationController> = {
  resource: replicationControllers,
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  strategy: {
    defaults({ spec, metadata }) {
      if (!spec) return
      const labels = spec.template?.metadata?.labels
      if (labels) {
        if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
        if (metadata && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
      }
      defaultTemplate(spec.template)
      spec.replicas ??= 1
    },
    ...droppingDisabledFields,
    validate: validateReplicationController,
    warnings: (controller, previous) => workloadWarnings(controller, previous),
    status: {
      validateUpdate: ({ status }) => [
        ...validateCounts(status as Record<string, unknown> | undefined, counted),
        ...validateReplicaParts(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
      ],
    },
    scale: {
      replicas: ({ spec }) => spec?.replicas ?? 0,
      withReplicas(object, replicas) {
        object.spec = { ...object.spec, replicas }
      },
      statusReplicas: ({ status }) => status?.replicas ?? 0,
      selector: ({ spec }) => formatLabelSelector(fromLabels(spec?.selector)),
    },
  },
  columns: [
    nameColumn,
    integerColumn('Desired', 'Number of desired pods.', ({ spec }) => spec?.replicas ?? 0),
    integerColumn('Current', 'Number of pods there are.', ({ status }) => status?.replicas ?? 0),
    integerColumn('Ready', 'Number of ready pods.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    wide(
      column('Containers', 'Names of the containers.', ({ spec }) =>
        (spec?.template?.spec?.containers ?? []).map(({ name }) => name).join(','),
      ),
    ),
    wide(
      column('Images', 'Images of the containers.', ({ spec }) =>
        (spec?.template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(','),
      ),
    ),
    wide(
      column('Selector', 'Selects the pods that the object keeps.', ({ spec }) =>
        formatLabelSelector(fromLabels(spec?.selector)),
      ),
    ),
  ],
  selectableFields: ({ status }) => ({ 'status.replicas': `${status?.replicas ?? 0}` }),
}

const counted = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
]

function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const { selector = {}, template } = spec
  const errors = [
    ...nonNegative(spec.minReadySeconds, field.child('minReadySeconds')),
    ...(Object.keys(selector).length === 0 ? [required(field.child('selector'))] : []),
    ...nonNegative(spec.replicas, field.child('replicas')),
  ]
  if (!template) return [...errors, required(field.child('template'))]
  const labels = template.metadata?.labels ?? {}
  if (Object.keys(selector).length > 0 && !matchesLabels(fromLabels(selector), labels)) {
    errors.push(
      invalid(
        field.child('template').child('metadata').child('labels'),
        internalMap(template.metadata?.labels),
        '`selector` does not match template `labels`',
      ),
    )
  }
  return [...errors, ...validateRunningTemplate(template, field.child('template'), 'ReplicationController')]
}
