import { semanticEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { parseInt64 } from '../../machinery/int64.ts'
import type { IntOrString, Writable } from '../../machinery/meta.ts'
import { percentErrors } from '../../machinery/validation/names.ts'
import { droppingDisabledFields } from '../core/pod/disabled-fields.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { structSchema } from '../fact-schemas.ts'
import type { Deployment, DeploymentSpec, RollingUpdateDeployment } from '../generated/apps.v1.ts'
import { deployments } from '../generated/resources.ts'
import {
  defaultWorkloadSpec,
  nonNegative,
  scaleOfReplicas,
  templateColumns,
  validateCollisionCount,
  validateCounts,
  validateReplicaParts,
  validateRunningTemplate,
  validateSelection,
  validateSelectorUpdate,
  workloadWarnings,
} from './workload.ts'

const rollbackAnnotation = 'deprecated.deployment.rollback.to'

export const deploymentDefinition: ResourceDefinition<Deployment> = {
  resource: deployments,
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  strategy: {
    defaults: (deployment) => defaultDeployment(defaultWorkloadSpec(deployment)),
    // Its annotations are those of its replica sets, too.
    raisesGeneration: (deployment, previous) =>
      !semanticEqual(deployment.metadata?.annotations, previous.metadata?.annotations) ||
      !semanticEqual(deployment.spec, previous.spec, structSchema('apps.v1.DeploymentSpec')),
    ...droppingDisabledFields,
    validate: validateDeployment,
    validateUpdate: validateSelectorUpdate,
    warnings: (deployment, previous) => workloadWarnings(deployment, previous),
    status: { keptMetadata: 'labels', validateUpdate: validateStatus },
    scale: scaleOfReplicas<Deployment>(),
  },
  columns: [
    nameColumn,
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    integerColumn(
      'Up-to-date',
      'Number of pods that have the current template.',
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    integerColumn(
      'Available',
      'Number of pods ready for at least minReadySeconds.',
      ({ status }) => status?.availableReplicas ?? 0,
    ),
    ageColumn,
    ...templateColumns<Deployment>({ selector: true }),
  ],
}

function defaultDeployment(spec: Writable<DeploymentSpec>): void {
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  spec.strategy ??= {}
  spec.strategy.type ||= 'RollingUpdate'
  if (spec.strategy.type !== 'RollingUpdate') return
  spec.strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...spec.strategy.rollingUpdate }
}

function validateDeployment({ metadata, spec }: Deployment): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const { strategy = {}, progressDeadlineSeconds, minReadySeconds = 0 } = spec
  const errors = [
    ...nonNegative(spec.replicas, field.child('replicas')),
    ...validateSelection(spec, field, 'deployment', () =>
      validateRunningTemplate(spec.template, field.child('template')),
    ),
    ...strategyErrors(strategy, field.child('strategy')),
    ...nonNegative(minReadySeconds, field.child('minReadySeconds')),
    ...nonNegative(spec.revisionHistoryLimit, field.child('revisionHistoryLimit')),
    ...rollbackErrors(metadata?.annotations?.[rollbackAnnotation]),
    ...nonNegative(progressDeadlineSeconds, field.child('progressDeadlineSeconds')),
  ]
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    errors.push(
      invalid(
        field.child('progressDeadlineSeconds'),
        progressDeadlineSeconds,
        'must be greater than minReadySeconds',
      ),
    )
  }
  return errors
}

function strategyErrors(
  { type, rollingUpdate }: NonNullable<DeploymentSpec['strategy']>,
  field: FieldPath,
): FieldError[] {
  switch (type) {
    case 'Recreate':
      return rollingUpdate
        ? [forbidden(field.child('rollingUpdate'), "may not be specified when strategy `type` is 'Recreate'")]
        : []
    case 'RollingUpdate':
      return rollingUpdate
        ? rollingUpdateErrors(rollingUpdate, field.child('rollingUpdate'))
        : [required(field.child('rollingUpdate'), 'this should be defaulted and never be nil')]
    default:
      return [notSupported(field, printedStrategy(type, rollingUpdate), ['Recreate', 'RollingUpdate'])]
  }
}

/** The strategy of a deployment or daemon set as upstream's server prints its own form of it. */
export function printedStrategy(
  type: string | undefined,
  rollingUpdate: RollingUpdateDeployment | undefined,
): object {
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  return {
    Type: type ?? '',
    RollingUpdate: rollingUpdate ? { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge } : null,
  }
}

/** Which revision to go back to, 0 for the one before; upstream keeps it in the spec of its own form. */
function rollbackErrors(revision: string | undefined): FieldError[] {
  if (!revision) return []
  const number = parseInt64(revision)
  if (number === undefined) {
    const fault = `failed to parse annotation[${rollbackAnnotation}]=${revision} as int64: `
    const detail = `${fault}strconv.ParseInt: parsing ${goQuote(revision)}: invalid syntax`
    return [invalid(path('metadata', 'annotations').key(rollbackAnnotation), revision, detail)]
  }
  if (number >= 0n) return []
  return [invalid(path('spec', 'rollback', 'version'), number, 'must be greater than or equal to 0')]
}

function rollingUpdateErrors(
  { maxSurge, maxUnavailable }: RollingUpdateDeployment,
  field: FieldPath,
): FieldError[] {
  const errors = [
    ...validateShare(maxUnavailable, field.child('maxUnavailable')),
    ...validateShare(maxSurge, field.child('maxSurge')),
  ]
  if (shareOf(maxUnavailable) === 0 && shareOf(maxSurge) === 0) {
    errors.push(invalid(field.child('maxUnavailable'), maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  }
  return [...errors, ...atMostAll(maxUnavailable, field.child('maxUnavailable'))]
}

/** A number of pods, or a percentage of them. */
export function validateShare(value: IntOrString | undefined, field: FieldPath): FieldError[] {
  if (value === undefined) return []
  if (typeof value === 'number') return nonNegative(value, field)
  return percentErrors(value).map((message) => invalid(field, value, message))
}

/** The number in it, be it of pods or of percents; of what says neither the integer that it begins as, if any. */
export function shareOf(value: IntOrString | undefined): number {
  if (value === undefined || typeof value === 'number') return value ?? 0
  return /^(\d+%|[-+]?\d+)$/.test(value) ? Number.parseInt(value, 10) : 0
}

export function atMostAll(value: IntOrString | undefined, field: FieldPath): FieldError[] {
  const isTooMuch = typeof value === 'string' && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100
  return isTooMuch ? [invalid(field, value, 'must not be greater than 100%')] : []
}

const counted = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
]

function validateStatus({ status }: Deployment, previous: Deployment): FieldError[] {
  return [
    ...validateCounts(status as Record<string, unknown> | undefined, counted),
    ...validateReplicaParts(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas']),
    ...validateCollisionCount(status, previous.status),
  ]
}
