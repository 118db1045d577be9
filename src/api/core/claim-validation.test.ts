import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import { withoutDifference } from '../testing/strategy-faults.ts'
import type { Writable } from '../../machinery/meta.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../generated/core.v1.ts'
import { normalizeDataSources, validateClaimStatus, validateClaimUpdate } from './claim-validation.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'
const immutable =
  'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for ' +
  'bound claims'

interface Choice {
  readonly storage?: string
  readonly spec?: Partial<PersistentVolumeClaimSpec>
  readonly class?: string
  readonly isBound?: boolean
}

function aClaim({
  storage = '2Gi',
  spec = {},
  isBound = false,
  class: annotation,
}: Choice): PersistentVolumeClaim {
  return {
    metadata: {
      name: 'c',
      ...(annotation !== undefined && { annotations: { [classAnnotation]: annotation } }),
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      resources: { requests: { storage } },
      ...spec,
    },
    status: isBound ? { phase: 'Bound', capacity: { storage: '1Gi' } } : { phase: 'Pending' },
  }
}

const bound = { isBound: true }
const rows: readonly (readonly [name: string, before: Choice, after: Choice, faults: readonly string[]])[] = [
  ['nothing', {}, {}, []],
  ['the volume once', {}, { spec: { volumeName: 'v' } }, []],
  ['the volume twice', { spec: { volumeName: 'v' } }, { spec: { volumeName: 'w' } }, [immutable]],
  ['the size of a bound claim', bound, { ...bound, storage: '3Gi' }, []],
  ['the size of an unbound claim', {}, { storage: '3Gi' }, [immutable]],
  ['the size back to what it was', { ...bound, storage: '3Gi' }, { ...bound, storage: '2Gi' }, []],
  [
    'the size below what there is',
    bound,
    { ...bound, storage: '1Gi' },
    ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
  ],
  ['no class to some', {}, { spec: { storageClassName: 's' } }, []],
  [
    'one class to another',
    { spec: { storageClassName: 's' } },
    { spec: { storageClassName: 't' } },
    [immutable],
  ],
  ['the annotation to the field', { class: 's' }, { spec: { storageClassName: 's' } }, []],
  [
    'the annotation',
    { class: 's' },
    { class: 't' },
    [`metadata.annotations.${classAnnotation}: Invalid value: "t": field is immutable`],
  ],
  [
    'the mode',
    {},
    { spec: { volumeMode: 'Block' } },
    [immutable, 'volumeMode: Invalid value: "Block": field is immutable'],
  ],
  [
    'the class of attributes to none',
    { ...bound, spec: { volumeAttributesClassName: 'a' } },
    bound,
    [immutable, 'spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden'],
  ],
  [
    'the class of attributes to nothing',
    { ...bound, spec: { volumeAttributesClassName: 'a' } },
    { ...bound, spec: { volumeAttributesClassName: '' } },
    ['spec.volumeAttributesClassName: Forbidden: update from non-nil value to an empty string is forbidden'],
  ],
]

for (const [name, before, after, faults] of rows) {
  test(`validateClaimUpdate of ${name}`, () => {
    const errors = validateClaimUpdate(aClaim({ ...after }), aClaim({ ...before }))
    assert.deepEqual(
      errors.map((error) => withoutDifference(fieldErrorText(error))),
      faults,
    )
  })
}

test('validateClaimStatus names what is resized, and how', () => {
  const status = {
    allocatedResourceStatuses: { storage: 'x', cpu: 'NodeResizePending' },
    allocatedResources: { memory: '1' },
    capacity: { storage: '-1' },
  }
  const statuses =
    '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", ' +
    '"NodeResizePending"'
  const claim = { ...aClaim({}), status } as PersistentVolumeClaim
  assert.deepEqual(validateClaimStatus(claim).map(fieldErrorText), [
    'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
    `status.allocatedResourceStatus: Unsupported value: "storage": supported values: ${statuses}`,
    'status.allocatedResourceStatus: Unsupported value: "cpu": supported values: "storage"',
    'status.allocatedResources: Unsupported value: "memory": supported values: "storage"',
  ])
})

const another = { kind: 'PersistentVolumeClaim', name: 'c' }
const other = { apiGroup: 'a.b', kind: 'K', name: 'k' }
const sources: readonly (readonly [
  name: string,
  given: PersistentVolumeClaimSpec,
  old: PersistentVolumeClaimSpec | undefined,
  result: PersistentVolumeClaimSpec,
])[] = [
  ['a claim', { dataSource: another }, undefined, { dataSource: another, dataSourceRef: another }],
  ['a reference', { dataSourceRef: other }, undefined, { dataSource: other, dataSourceRef: other }],
  ['something else in the field of old', { dataSource: other }, undefined, {}],
  [
    'something else that was there before',
    { dataSource: other },
    { dataSource: other, dataSourceRef: other },
    { dataSource: other, dataSourceRef: other },
  ],
  ['another namespace', { dataSourceRef: { ...another, namespace: 'n' } }, undefined, {}],
]

for (const [name, given, old, result] of sources) {
  test(`normalizeDataSources of ${name}`, () => {
    const spec = structuredClone(given) as Writable<PersistentVolumeClaimSpec>
    normalizeDataSources(spec, old)
    assert.deepEqual(spec, result)
  })
}
