import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectMeta } from '../../machinery/meta.ts'
import { changeFaults, decoded, definitionOf, faults } from '../testing/strategy-faults.ts'

const template = {
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'c', image: 'i' }] },
}
const workload = (spec: object = {}, annotations: object = {}) => ({
  metadata: { name: 'w', namespace: 'n', annotations },
  spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec },
})
const unlabelled =
  'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`'
const empty = 'spec.template.spec.containers: Required value'
const counter = 'deprecated.daemonset.template.generation'
const rollback = 'deprecated.deployment.rollback.to'
const negative = 'must be greater than or equal to 0'

const refused: readonly (readonly [kind: string, object: object, ...faults: string[]])[] = [
  [
    'deployments.apps',
    workload({ strategy: { type: 'x', rollingUpdate: { maxSurge: '3%' } } }),
    'spec.strategy: Unsupported value: {"Type":"x","RollingUpdate":{"MaxUnavailable":0,"MaxSurge":"3%"}}: supported values: "Recreate", "RollingUpdate"',
  ],
  [
    'daemonsets.apps',
    workload({ updateStrategy: { type: 'x' } }),
    'spec.updateStrategy: Unsupported value: {"Type":"x","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
  ],
  ['deployments.apps', { metadata: { name: 'w' } }, 'spec.selector: Required value', unlabelled, empty],
  ['daemonsets.apps', { metadata: { name: 'w' } }, unlabelled, empty],
  ['replicasets.apps', workload({ replicas: 0, template: {} }), unlabelled, empty],
  [
    'deployments.apps',
    workload({ selector: { matchExpressions: [{ key: 'a', operator: 'In' }] }, template: {} }),
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"In"}]}: invalid label selector',
  ],
  [
    'deployments.apps',
    workload({}, { [rollback]: '-1' }),
    `spec.rollback.version: Invalid value: -1: ${negative}`,
  ],
  [
    'deployments.apps',
    workload({}, { [rollback]: 'x' }),
    `metadata.annotations[${rollback}]: Invalid value: "x": failed to parse annotation[${rollback}]=x as int64: strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  [
    'daemonsets.apps',
    workload({}, { [counter]: 'x' }),
    `metadata.annotations[${counter}]: Invalid value: "x": strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  ...([5, 'a', []] as const).map(
    (data) =>
      [
        'controllerrevisions.apps',
        { metadata: { name: 'r' }, data, revision: -1 },
        `revision: Invalid value: -1: ${negative}`,
        'data: Required value: data must be a valid JSON object',
      ] as const,
  ),
  [
    'controllerrevisions.apps',
    { metadata: { name: 'r' }, data: null, revision: 0 },
    'data: Required value: data is mandatory',
  ],
]

for (const [kind, object, ...expected] of refused) {
  test(`a new one of ${kind} is refused: ${expected[0]}`, () =>
    assert.deepEqual(faults(kind, object), expected))
}

test('a controller revision that says no object keeps what it says', () => {
  const revision = (data: unknown) => ({ metadata: { name: 'r' }, data, revision: 0 })
  assert.deepEqual(changeFaults('controllerrevisions.apps', revision(5), revision(5)), [])
  const expected = ['data: Invalid value: {}: field is immutable']
  assert.deepEqual(changeFaults('controllerrevisions.apps', revision(5), revision({})), expected)
})

test('daemon sets count their templates, whatever clients say', () => {
  const { strategy } = definitionOf('daemonsets.apps')
  const countOf = ({ metadata }: { metadata?: ObjectMeta }) => metadata?.annotations?.[counter]
  const user = { name: 'u', groups: [] }
  for (const [given, expected] of [
    [{}, '1'],
    [{ [counter]: '+007' }, '7'],
    [{ [counter]: '-3' }, '1'],
  ] as const) {
    const set = decoded('daemonsets.apps', workload({}, given))
    strategy.prepareForCreate?.(set, { user, warn: () => {} })
    assert.equal(countOf(set), expected)
  }
  const previous = decoded('daemonsets.apps', workload({}, { [counter]: '4' }))
  const other = { ...template, spec: { containers: [{ name: 'c', image: 'other' }] } }
  for (const [spec, expected] of [
    [{ minReadySeconds: 1 }, '4'],
    [{ template: { ...template, spec: { ...template.spec, volumes: [] } } }, '4'],
    [{ template: other }, '5'],
  ] as const) {
    const set = decoded('daemonsets.apps', workload(spec, { [counter]: '77' }))
    strategy.prepareForUpdate?.(set, previous)
    assert.equal(countOf(set), expected)
  }
})

test('replica sets are selected by nothing of theirs', () => {
  assert.equal(definitionOf('replicasets.apps').selectableFields, undefined)
})

test('deployments are others with other annotations, and the same with a list that is empty', () => {
  const raises = (after: object) => {
    const [next, previous] = [decoded('deployments.apps', after), decoded('deployments.apps', workload())]
    return definitionOf('deployments.apps').strategy.raisesGeneration!(next, previous)
  }
  assert.equal(raises(workload({}, { a: 'b' })), true)
  assert.equal(raises(workload({ replicas: 2 })), true)
  assert.equal(
    raises(workload({ template: { ...template, spec: { ...template.spec, volumes: [] } } })),
    false,
  )
})
