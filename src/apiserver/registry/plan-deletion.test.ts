import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/definition.ts'
import { pods } from '../../api/generated/resources.ts'
import type { DeleteOptions, ObjectMeta } from '../../machinery/meta.ts'
import { planDeletion } from './plan-deletion.ts'

const now = Date.UTC(2026, 0, 1)
const ordinary: ResourceDefinition = { resource: pods, singular: 'pod', strategy: {} }
const graceful: ResourceDefinition = {
  ...ordinary,
  strategy: { graceSeconds: (_object, requested = 30) => requested },
}
const orphaning: ResourceDefinition = { ...ordinary, strategy: { defaultPropagation: 'Orphan' } }

interface Row {
  readonly name: string
  readonly definition?: ResourceDefinition
  readonly metadata?: ObjectMeta
  readonly options?: DeleteOptions
  /** `remove`, `wait`, or what is marked. */
  readonly expected: 'remove' | 'wait' | Partial<ObjectMeta>
}

const rows: readonly Row[] = [
  { name: 'nothing holds it', expected: 'remove' },
  {
    name: 'a finalizer holds it',
    metadata: { finalizers: ['x'], generation: 3 },
    expected: {
      finalizers: ['x'],
      generation: 4,
      deletionTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
    },
  },
  {
    name: 'it is held already',
    metadata: {
      finalizers: ['x'],
      generation: 4,
      deletionTimestamp: '2025-12-31T00:00:00Z',
      deletionGracePeriodSeconds: 0,
    },
    expected: { generation: 4, deletionTimestamp: '2025-12-31T00:00:00Z' },
  },
  {
    name: 'dependents are orphaned',
    options: { propagationPolicy: 'Orphan' },
    expected: { finalizers: ['orphan'] },
  },
  {
    name: 'dependents are orphaned, the old way',
    options: { orphanDependents: true },
    expected: { finalizers: ['orphan'] },
  },
  {
    name: 'dependents go first',
    options: { propagationPolicy: 'Foreground' },
    expected: { finalizers: ['foregroundDeletion'] },
  },
  { name: 'the kind orphans', definition: orphaning, expected: { finalizers: ['orphan'] } },
  {
    name: 'the kind orphans, but not now',
    definition: orphaning,
    options: { propagationPolicy: 'Background' },
    expected: 'remove',
  },
  {
    name: 'the policy is changed to background',
    metadata: { finalizers: ['foregroundDeletion'] },
    options: { propagationPolicy: 'Background' },
    expected: 'remove',
  },
  {
    name: 'the policy stays',
    metadata: { finalizers: ['foregroundDeletion'] },
    expected: { finalizers: ['foregroundDeletion'] },
  },
  {
    name: 'it has a grace period',
    definition: graceful,
    expected: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
  },
  {
    name: 'no grace is wanted',
    definition: graceful,
    options: { gracePeriodSeconds: 0 },
    expected: 'remove',
  },
  {
    name: 'a negative grace period is the shortest',
    definition: graceful,
    options: { gracePeriodSeconds: -5 },
    expected: { deletionGracePeriodSeconds: 1 },
  },
  {
    name: 'a longer one does not extend it',
    definition: graceful,
    metadata: { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 30 },
    options: { gracePeriodSeconds: 60 },
    expected: 'wait',
  },
  {
    name: 'a shorter one counts from the first request',
    definition: graceful,
    metadata: { deletionTimestamp: '2026-01-01T00:00:25Z', deletionGracePeriodSeconds: 30 },
    options: { gracePeriodSeconds: 15 },
    expected: { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 15 },
  },
  {
    name: 'a shorter one is over already',
    definition: graceful,
    metadata: { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 30 },
    options: { gracePeriodSeconds: 5 },
    expected: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 },
  },
  {
    name: 'the kubelet is done',
    definition: graceful,
    metadata: { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 30 },
    options: { gracePeriodSeconds: 0 },
    expected: 'remove',
  },
  {
    name: 'the kubelet is done, a finalizer is not',
    definition: graceful,
    metadata: {
      finalizers: ['x'],
      deletionTimestamp: '2026-01-01T00:00:10Z',
      deletionGracePeriodSeconds: 30,
    },
    options: { gracePeriodSeconds: 0 },
    expected: { finalizers: ['x'], deletionGracePeriodSeconds: 0 },
  },
]

for (const { name, definition = ordinary, metadata = {}, options = {}, expected } of rows) {
  test(`planDeletion: ${name}`, () => {
    const plan = planDeletion(definition, { metadata }, options, now)
    if (typeof expected === 'string') assert.equal(plan.type, expected)
    else {
      assert(plan.type === 'mark')
      assert.partialDeepStrictEqual(plan.object.metadata, expected)
    }
  })
}
