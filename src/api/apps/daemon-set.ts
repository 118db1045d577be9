import { formatLabelSelector, fromLabels, isLabelSelector } from '../../machinery/label-selector.ts'
import {
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { droppingDisabledFields } from '../core/pod/disabled-fields.ts'
import { podTemplateWarnings } from '../core/pod/pod-warnings.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from '../generated/apps.v1.ts'
import { daemonSets } from '../generated/resources.ts'
import { atMostAll, printedStrategy, shareOf, validateShare } from './deployment.ts'
import {
  changesTemplate,
  countFirstTemplate,
  countTemplate,
  defaultTemplateGeneration,
  templateGenerationErrors,
} from './template-generation.ts'
import {
  defaultWorkloadSpec,
  isEmpty,
  mismatch,
  nonNegative,
  templateColumns,
  validateCollisionCount,
  validateCounts,
  validateRunningTemplate,
  validateSelectorUpdate,
} from './workload.ts'
import { internalForm } from '../internal-form.ts'

export const daemonSetDefinition: ResourceDefinition<DaemonSet> = {
  resource: daemonSets,
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  strategy: {
    defaults(daemonSet) {
      defaultTemplateGeneration(daemonSet)
      const spec = defaultWorkloadSpec(daemonSet)
      spec.revisionHistoryLimit ??= 10
      spec.updateStrategy ??= {}
      spec.updateStrategy.type ||= 'RollingUpdate'
      if (spec.updateStrategy.type === 'RollingUpdate') {
        spec.updateStrategy.rollingUpdate = {
          maxUnavailable: 1,
          maxSurge: 0,
          ...spec.updateStrategy.rollingUpdate,
        }
      }
    },
    prepareForCreate(daemonSet) {
      droppingDisabledFields.prepareForCreate(daemonSet)
      countFirstTemplate(daemonSet)
    },
    prepareForUpdate(daemonSet, previous) {
      droppingDisabledFields.prepareForUpdate(daemonSet, previous)
      countTemplate(daemonSet, previous)
    },
    validate: (daemonSet) => [...templateGenerationErrors(daemonSet), ...validateDaemonSet(daemonSet.spec)],
    warnings: ({ spec }, previous) =>
      previous && !changesTemplate({ spec } as DaemonSet, previous)
        ? []
        : podTemplateWarnings(spec?.template, path('spec', 'template')),
    validateUpdate: validateSelectorUpdate,
    status: {
      validateUpdate: ({ status }, previous) => [
        ...validateCounts(status as Record<string, unknown> | undefined, counted),
        ...validateCollisionCount(status, previous.status),
      ],
    },
  },
  columns: [
    nameColumn,
    integerColumn(
      'Desired',
      'Number of nodes that should run the pod.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
    ),
    integerColumn(
      'Current',
      'Number of nodes that run it and should.',
      ({ status }) => status?.currentNumberScheduled ?? 0,
    ),
    integerColumn('Ready', 'Number of nodes where it is ready.', ({ status }) => status?.numberReady ?? 0),
    integerColumn(
      'Up-to-date',
      'Number of nodes that run the current template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
    ),
    integerColumn(
      'Available',
      'Number of nodes where it is available.',
      ({ status }) => status?.numberAvailable ?? 0,
    ),
    column(
      'Node Selector',
      'Labels of the nodes.',
      ({ spec }) => formatLabelSelector(fromLabels(spec?.template.spec?.nodeSelector)) || '<none>',
    ),
    ageColumn,
    ...templateColumns<DaemonSet>({ selector: true }),
  ],
}

const counted = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
]

function validateDaemonSet(spec: DaemonSetSpec | undefined): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  return [
    ...selectionErrors(spec, field),
    ...validateRunningTemplate(spec.template, field.child('template'), 'DaemonSet'),
    ...nonNegative(spec.minReadySeconds, field.child('minReadySeconds')),
    ...strategyErrors(spec.updateStrategy ?? {}, field.child('updateStrategy')),
    ...nonNegative(spec.revisionHistoryLimit, field.child('revisionHistoryLimit')),
  ]
}

/** Nobody asks for the selector that a set must have, but the template's labels do not match none. */
function selectionErrors({ selector, template }: DaemonSetSpec, field: FieldPath): FieldError[] {
  const at = field.child('selector')
  return [
    ...validateLabelSelector(selector, at),
    ...(!selector || isLabelSelector(selector) ? mismatch({ selector, template }, field) : []),
    ...(selector && isEmpty(selector)
      ? [
          invalid(
            at,
            internalForm('meta.v1.LabelSelector', selector),
            'empty selector is invalid for daemonset',
          ),
        ]
      : []),
  ]
}

function strategyErrors({ type, rollingUpdate }: DaemonSetUpdateStrategy, field: FieldPath): FieldError[] {
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate')
    return [notSupported(field, printedStrategy(type, rollingUpdate), ['RollingUpdate', 'OnDelete'])]
  if (!rollingUpdate) return [required(field.child('rollingUpdate'))]
  const { maxUnavailable, maxSurge } = rollingUpdate
  const at = field.child('rollingUpdate')
  const [unavailableAt, surgeAt] = [at.child('maxUnavailable'), at.child('maxSurge')]
  const errors = [
    ...validateShare(maxUnavailable, unavailableAt),
    ...validateShare(maxSurge, surgeAt),
    ...atMostAll(maxUnavailable, unavailableAt),
    ...atMostAll(maxSurge, surgeAt),
  ]
  const [hasUnavailable, hasSurge] = [shareOf(maxUnavailable) !== 0, shareOf(maxSurge) !== 0]
  if (hasUnavailable && hasSurge)
    errors.push(invalid(surgeAt, maxSurge, 'may not be set when maxUnavailable is non-zero'))
  if (!hasUnavailable && !hasSurge) errors.push(required(unavailableAt, 'cannot be 0 when maxSurge is 0'))
  return errors
}
