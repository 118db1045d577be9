import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeFaults, faults } from '../testing/strategy-faults.ts'

const kind = 'priorityclasses.scheduling.k8s.io'
const classOf = (name: string, more: object = {}) => ({ metadata: { name }, value: 1, ...more })
const reserved = (error: string) =>
  `metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ${error}`

const rows: readonly (readonly [priorityClass: object, ...faults: string[]])[] = [
  [classOf('a')],
  [classOf('system-node-critical', { value: 2_000_001_000 })],
  [
    classOf('a', { value: 1_000_000_001 }),
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  [classOf('system-a', { value: 1_000_000_001 }), reserved('system-a is not a known system priority class')],
  [
    classOf('system-node-critical'),
    reserved('value of system-node-critical PriorityClass must be 2000001000'),
  ],
  [
    classOf('system-node-critical', { value: 2_000_001_000, globalDefault: true }),
    reserved('globalDefault of system-node-critical PriorityClass must be false'),
  ],
  [classOf('a', { preemptionPolicy: '' }), 'preemptionPolicy: Required value'],
  [
    classOf('a', { preemptionPolicy: 'x' }),
    'preemptionPolicy: Unsupported value: "x": supported values: "PreemptLowerPriority", "Never"',
  ],
]

for (const [priorityClass, ...expected] of rows) {
  test(`a new PriorityClass: ${JSON.stringify(priorityClass)}`, () =>
    assert.deepEqual(faults(kind, priorityClass), expected))
}

test('a PriorityClass keeps its value, be it one that nobody may have', () => {
  const before = classOf('a', { value: 1_500_000_000 })
  assert.deepEqual(changeFaults(kind, before, { ...before, description: 'd' }), [])
  const after = { ...before, value: 1_500_000_001, preemptionPolicy: 'Never' }
  assert.deepEqual(changeFaults(kind, before, after), [
    'value: Forbidden: may not be changed in an update.',
    'preemptionPolicy: Invalid value: "Never": field is immutable',
  ])
})
