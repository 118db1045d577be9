import { path } from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { StatefulSet, StatefulSetSpec } from '../generated/apps.v1.ts'
import { statefulSets } from '../generated/resources.ts'
import { droppingDisabledFields } from '../core/pod/disabled-fields.ts'
import { claimSpecWarnings } from '../core/claim-warnings.ts'
import { validateStatefulSetSpec, validateStatefulSetUpdate } from './stateful-set-validation.ts'
import {
  defaultWorkloadSpec,
  scaleOfReplicas,
  templateColumns,
  validateCollisionCount,
  validateCounts,
  validateReplicaParts,
  workloadWarnings,
} from './workload.ts'

export const statefulSetDefinition: ResourceDefinition<StatefulSet> = {
  resource: statefulSets,
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  strategy: {
    // The names of its pods are host names, and begin with its own.
    nameRule: 'dns1123Label',
    defaults: (statefulSet) => defaultStatefulSet(defaultWorkloadSpec(statefulSet)),
    ...droppingDisabledFields,
    validatesUpdateAlone: true,
    validate: ({ spec }) => validateStatefulSetSpec(spec),
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

function defaultStatefulSet(spec: Writable<StatefulSetSpec>): void {
  spec.podManagementPolicy ||= 'OrderedReady'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.updateStrategy ??= {}
  const { updateStrategy: strategy } = spec
  // Whoever names the type is left without what belongs to it.
  if (!strategy.type) {
    strategy.type = 'RollingUpdate'
    strategy.rollingUpdate ??= {}
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) {
    strategy.rollingUpdate.partition ??= 0
    strategy.rollingUpdate.maxUnavailable ??= 1
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.kind ||= 'PersistentVolumeClaim'
    claim.apiVersion ||= 'v1'
    claim.status ??= {}
    claim.status.phase ||= 'Pending'
    claim.spec ??= {}
    claim.spec.volumeMode ??= 'Filesystem'
  }
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
