import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import { decoded, definitionOf } from '../testing/strategy-faults.ts'

const more = 'cannot be greater than status.replicas'
const decremented = 'status.collisionCount: Invalid value: 1: cannot be decremented'
const unready = (name: string) => `status.availableReplicas: Invalid value: 2: cannot be greater than ${name}`

const counts = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 2]))
const exceed = (...names: readonly string[]) =>
  names.map((name) => `status.${name}: Invalid value: 2: ${more}`)

const rows: readonly (readonly [name: string, status: object, ...faults: string[]])[] = [
  [
    'deployments.apps',
    { replicas: 1, ...counts('updatedReplicas', 'readyReplicas', 'availableReplicas'), collisionCount: 1 },
    ...exceed('updatedReplicas', 'readyReplicas', 'availableReplicas'),
    decremented,
  ],
  ['deployments.apps', { replicas: 2, availableReplicas: 2, collisionCount: 2 }, unready('readyReplicas')],
  [
    'deployments.apps',
    { terminatingReplicas: -1, collisionCount: 2 },
    'status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'replicasets.apps',
    { replicas: 1, ...counts('fullyLabeledReplicas', 'readyReplicas', 'availableReplicas') },
    ...exceed('fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
  ],
  ['replicasets.apps', { replicas: 2, availableReplicas: 2 }, unready('readyReplicas')],
  [
    'replicationcontrollers',
    { replicas: 1, ...counts('fullyLabeledReplicas', 'readyReplicas', 'availableReplicas') },
    ...exceed('fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
  ],
  [
    'statefulsets.apps',
    { replicas: 1, ...counts('readyReplicas', 'currentReplicas', 'updatedReplicas'), collisionCount: 1 },
    ...exceed('readyReplicas', 'currentReplicas', 'updatedReplicas'),
    decremented,
  ],
  [
    'statefulsets.apps',
    { replicas: 2, availableReplicas: 2, collisionCount: 2 },
    unready('status.readyReplicas'),
  ],
  ['daemonsets.apps', { collisionCount: 1 }, decremented],
  [
    'poddisruptionbudgets.policy',
    { disruptionsAllowed: -1, currentHealthy: -1, desiredHealthy: -1, expectedPods: -1 },
    ...['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'].map(
      (name) => `status.${name}: Invalid value: -1: must be greater than or equal to 0`,
    ),
  ],
]

for (const [name, status, ...expected] of rows) {
  test(`the status of ${name} is refused: ${JSON.stringify(status)}`, () => {
    const previous = decoded(name, { status: { replicas: 1, collisionCount: 2 } })
    const errors = definitionOf(name).strategy.status!.validateUpdate!(decoded(name, { status }), previous)
    assert.deepEqual(errors.map(fieldErrorText), expected)
  })
}
