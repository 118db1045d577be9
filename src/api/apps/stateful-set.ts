import { jsonEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { StatefulSet, StatefulSetSpec } from '../generated/apps.v1.ts'
import { statefulSets } from '../generated/resources.ts'
import { atMostAll, shareOf, validateShare } from './deployment.ts'
import {
  defaultTemplate,
  nonNegative,
  scaleOfReplicas,
  templateColumns,
  validateCollisionCount,
  validateCounts,
  validateReplicaParts,
  validateRunningTemplate,
  validateSelector,
  workloadWarnings,
} from './workload.ts'
import { claimSpecWarnings } from '../core/claim-warnings.ts'

export const statefulSetDefinition: ResourceDefinition<StatefulSet> = {
  resource: statefulSets,
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  strategy: {
    // The names of its pods are host names, and begin with its own.
    nameRule: 'dns1123Label',
    defaults({ spec }) {
      if (!spec) return
      defaultTemplate(spec.template)
      spec.podManagementPolicy ||= 'OrderedReady'
      spec.replicas ??= 1
      spec.revisionHistoryLimit ??= 10
      spec.updateStrategy ??= {}
      spec.updateStrategy.type ||= 'RollingUpdate'
      if (spec.updateStrategy.type === 'RollingUpdate') {
        spec.updateStrategy.rollingUpdate = {
          partition: 0,
          maxUnavailable: 1,
          ...spec.updateStrategy.rollingUpdate,
        }
      }
      spec.persistentVolumeClaimRetentionPolicy = {
        whenDeleted: 'Retain',
        whenScaled: 'Retain',
        ...spec.persistentVolumeClaimRetentionPolicy,
      }
      for (const claim of spec.volumeClaimTemplates ?? []) {
        claim.kind ||= 'PersistentVolumeClaim'
        claim.apiVersion ||= 'v1'
        claim.status ??= {}
        claim.status.phase ||= 'Pending'
        if (claim.spec) claim.spec.volumeMode ??= 'Filesystem'
      }
    },
    validate: ({ spec }) => validateStatefulSet(spec),
    warnings: statefulSetWarnings,
    validateUpdate: ({ spec }, previous) => validateStatefulSetUpdate(spec, previous.spec),
    status: {
      validateUpdate: ({ status }, previous) => [
        ...validateCounts(status as Record<string, unknown> | undefined, counted),
        ...validateReplicaParts(status, parts, 'status.readyReplicas'),
        ...validateCollisionCount(status, previous.status),
      ],
    },
    scale: scaleOfReplicas<StatefulSet>(),
  },
  columns: [
    nameColumn,
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>({ selector: false }),
  ],
}

const counted = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
]

const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const

/** Where an update is at fault upstream names the field differently. */
function statefulSetWarnings(statefulSet: StatefulSet, previous?: StatefulSet): string[] {
  const { volumeClaimTemplates = [], revisionHistoryLimit = 0 } = statefulSet.spec ?? {}
  const claims = path('spec', 'volumeClaimTemplates')
  const warnings = workloadWarnings(statefulSet, previous, { isNameUsed: false })
  for (const [index, { spec }] of volumeClaimTemplates.entries()) {
    const at = claims.index(index)
    warnings.push(...claimSpecWarnings(spec, previous ? at.child('Spec') : at))
  }
  const advice = 'a negative value retains all historical revisions; a value >= 0 is recommended'
  if (revisionHistoryLimit < 0) warnings.push(`spec.revisionHistoryLimit: ${advice}`)
  return warnings
}

const retention = ['Delete', 'Retain']

function validateStatefulSet(spec: StatefulSetSpec | undefined): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const errors = [
    ...nonNegative(spec.replicas, field.child('replicas')),
    ...nonNegative(spec.minReadySeconds, field.child('minReadySeconds')),
    ...validateSelector(spec.selector, spec.template, field, 'statefulset'),
    ...validateRunningTemplate(spec.template, field.child('template'), 'StatefulSet'),
  ]
  const {
    podManagementPolicy,
    updateStrategy,
    persistentVolumeClaimRetentionPolicy: policy,
    serviceName,
  } = spec
  if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    errors.push(
      invalid(
        field.child('podManagementPolicy'),
        podManagementPolicy,
        "must be 'OrderedReady' or 'Parallel'",
      ),
    )
  }
  const strategy = field.child('updateStrategy')
  const { type, rollingUpdate } = updateStrategy ?? {}
  if (type === 'OnDelete' && rollingUpdate) {
    errors.push(
      invalid(
        strategy.child('rollingUpdate'),
        rollingUpdate,
        "only allowed for updateStrategy 'RollingUpdate'",
      ),
    )
  } else if (type === 'RollingUpdate') {
    errors.push(...nonNegative(rollingUpdate?.partition, strategy.child('rollingUpdate').child('partition')))
    const maxUnavailable = rollingUpdate?.maxUnavailable
    const at = strategy.child('rollingUpdate', 'maxUnavailable')
    errors.push(...validateShare(maxUnavailable, at))
    if (maxUnavailable !== undefined && shareOf(maxUnavailable) === 0)
      errors.push(invalid(at, maxUnavailable, 'cannot be 0'))
    errors.push(...atMostAll(maxUnavailable, at))
  } else if (type !== 'OnDelete') {
    errors.push(invalid(strategy, updateStrategy, "must be 'RollingUpdate' or 'OnDelete'"))
  }
  for (const name of ['whenDeleted', 'whenScaled'] as const) {
    const value = policy?.[name]
    const at = field.child('persistentVolumeClaimRetentionPolicy').child(name)
    if (value && !retention.includes(value)) errors.push(notSupported(at, value, retention))
  }
  errors.push(...nonNegative(spec.ordinals?.start, field.child('ordinals').child('start')))
  if (serviceName)
    errors.push(
      ...dns1123SubdomainErrors(serviceName).map((message) =>
        invalid(field.child('serviceName'), serviceName, message),
      ),
    )
  return errors
}

const mutable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
])

function validateStatefulSetUpdate(
  spec: StatefulSetSpec | undefined,
  previous: StatefulSetSpec | undefined,
): FieldError[] {
  const fixed = (value: StatefulSetSpec | undefined) =>
    Object.fromEntries(Object.entries(value ?? {}).filter(([name]) => !mutable.has(name)))
  if (jsonEqual(fixed(spec), fixed(previous))) return []
  const message =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
  return [forbidden(path('spec'), message)]
}
