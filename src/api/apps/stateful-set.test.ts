import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatefulSet } from '../generated/apps.v1.ts'
import { changeFaults, decoded, faults } from '../testing/strategy-faults.ts'

const name = 'statefulsets.apps'
const claimSpec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
const mount = { name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }

const setOf = (spec: object = {}, podSpec: object = {}) => ({
  metadata: { name: 's', namespace: 'n' },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: {
      metadata: { labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: 'i' }], ...podSpec },
    },
    ...spec,
  },
})
const claims = (spec: object = claimSpec) => [{ metadata: { name: 'data' }, spec }]

const refused: readonly (readonly [why: string, set: object, ...faults: string[]])[] = [
  ['mounts of claims', setOf({ volumeClaimTemplates: claims() }, { containers: [mount] })],
  [
    'mounts of claims in the place of volumes',
    setOf(
      { volumeClaimTemplates: claims() },
      { containers: [mount], volumes: [{ name: 'data', hostPath: { path: 'a/../b' } }] },
    ),
  ],
  [
    'mounts of nothing',
    setOf({}, { containers: [mount] }),
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
  ],
  ['names of the controller', setOf({}, { hostname: 'A_B', subdomain: 'A_B' })],
  [
    'claims that nobody could make',
    setOf({ volumeClaimTemplates: claims({}) }),
    'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
    'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
  ],
  ['services that are host names', setOf({ serviceName: 'a-b' })],
  [
    'services that are none',
    setOf({ serviceName: 'a.b' }),
    'spec.serviceName: Invalid value: "a.b": must not contain dots',
  ],
  [
    'what has no such value, in the order of the fields',
    setOf({
      selector: {},
      ordinals: { start: -1 },
      replicas: -1,
      minReadySeconds: -1,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'a', whenScaled: 'b' },
      updateStrategy: { type: 'x', rollingUpdate: {} },
      podManagementPolicy: 'y',
    }),
    `spec.podManagementPolicy: Invalid value: "y": must be 'OrderedReady' or 'Parallel'`,
    `spec.updateStrategy: Invalid value: {"Type":"x","RollingUpdate":{"Partition":0,"MaxUnavailable":null}}: must be 'RollingUpdate' or 'OnDelete'`,
    'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "a": supported values: "Retain", "Delete"',
    'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "b": supported values: "Retain", "Delete"',
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
    'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
    'spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
  ],
  [
    'a rolling update of what is deleted',
    setOf({ updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 2 } } }),
    `spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":2,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'`,
  ],
  [
    'selectors that cannot be read, whatever the template',
    setOf(
      { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      { containers: [], activeDeadlineSeconds: 1, restartPolicy: 'Never' },
    ),
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"In"}]}',
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
  ],
  [
    'a set that says nothing',
    { metadata: { name: 's', namespace: 'n' } },
    'spec.selector: Required value',
    'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
    'spec.template.spec.containers: Required value',
  ],
]

for (const [why, set, ...expected] of refused) {
  test(`a new StatefulSet: ${why}`, () => assert.deepEqual(faults(name, set), expected))
}

const fixed =
  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

const changes: readonly (readonly [why: string, before: object, after: object, ...faults: string[]])[] = [
  ['its service stays wrong', setOf({ serviceName: 'a.b' }), setOf({ serviceName: 'a.b', replicas: 2 })],
  [
    'its claims stay wrong',
    setOf({ volumeClaimTemplates: claims({}) }),
    setOf({ volumeClaimTemplates: claims({}), replicas: 2 }),
  ],
  [
    'its template stays wrong',
    setOf({}, { containers: [mount] }),
    setOf({ replicas: 2 }, { containers: [mount] }),
  ],
  [
    'its template becomes wrong',
    setOf(),
    setOf({}, { containers: [mount] }),
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
  ],
  ['no claims are said otherwise', setOf(), setOf({ volumeClaimTemplates: [] })],
  [
    'sizes are said otherwise',
    setOf({ volumeClaimTemplates: claims() }),
    setOf({
      volumeClaimTemplates: claims({ ...claimSpec, resources: { requests: { storage: '1024Mi' } } }),
    }),
  ],
  ['another service', setOf({ serviceName: 'a' }), setOf({ serviceName: 'b' }), fixed],
  [
    'a wrong number and another policy',
    setOf(),
    setOf({ replicas: -1, podManagementPolicy: 'Parallel' }),
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    fixed,
  ],
]

for (const [why, before, after, ...expected] of changes) {
  test(`a changed StatefulSet: ${why}`, () => assert.deepEqual(changeFaults(name, before, after), expected))
}

const defaults: readonly (readonly [why: string, spec: object, defaulted: object])[] = [
  [
    'of an update nobody spoke of',
    {},
    { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } } },
  ],
  [
    'of a named update',
    { updateStrategy: { type: 'RollingUpdate' } },
    { updateStrategy: { type: 'RollingUpdate' } },
  ],
  [
    'of an empty policy',
    { persistentVolumeClaimRetentionPolicy: { whenDeleted: '', whenScaled: 'Delete' } },
    { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } },
  ],
]

for (const [why, given, expected] of defaults) {
  test(`defaults of a StatefulSet: ${why}`, () => {
    const { spec } = decoded(name, setOf(given)) as StatefulSet
    for (const [field, value] of Object.entries(expected))
      assert.deepEqual((spec as unknown as Record<string, unknown>)[field], value)
  })
}
