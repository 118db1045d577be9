import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { StatefulSet, StatefulSetSpec } from '../../api/generated/apps.v1.ts'
import type { Pod, PodPhase } from '../../api/generated/core.v1.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../api/generated/resources.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { oldestRevisionFirst, templateOf } from '../history/controller-revisions.ts'
import { isReady } from '../pods/pod-state.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { planStatefulSet } from './plan-stateful-set.ts'
import { statefulSetReconciler } from './statefulset.ts'

const labels = { app: 'db' }

function aStatefulSet(spec: Partial<StatefulSetSpec> = {}, image = 'db:1'): StatefulSet {
  return {
    metadata: { namespace: 'default', name: 'db' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      serviceName: 'db',
      template: { metadata: { labels }, spec: { containers: [{ name: 'db', image }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  }
}

void describe('planStatefulSet', () => {
  type State = 'ready' | 'starting' | 'ending' | 'failed' | 'none'
  const readyAt = '2026-01-01T00:00:00Z'
  const pod = (ordinal: number, state: State, revision = 'new'): readonly Pod[] => {
    if (state === 'none') return []
    const metadata = {
      labels: { 'controller-revision-hash': revision, 'statefulset.kubernetes.io/pod-name': `db-${ordinal}` },
      ...(state === 'ending' && { deletionTimestamp: readyAt }),
    }
    const phase: PodPhase = state === 'failed' ? 'Failed' : 'Running'
    return [aPod(`db-${ordinal}`, { metadata, status: { phase }, ...(state === 'ready' && { readyAt }) })]
  }
  const summary = (set: StatefulSet, ...members: readonly (readonly Pod[])[]) =>
    planStatefulSet(set, members.flat(), 'new', Date.UTC(2026, 1, 1)).actions.map((action) =>
      'pod' in action ? `${action.type} ${action.pod.metadata!.name}` : `${action.type} ${action.ordinal}`,
    )
  const parallel = { podManagementPolicy: 'Parallel' as const }
  const rows: readonly (readonly [string, StatefulSet, readonly (readonly Pod[])[], readonly string[]])[] = [
    ['creates the first', aStatefulSet(), [], ['create 0']],
    ['waits for it', aStatefulSet(), [pod(0, 'starting')], []],
    ['goes on to the next', aStatefulSet(), [pod(0, 'ready')], ['create 1']],
    ['creates all at once', aStatefulSet(parallel), [], ['create 0', 'create 1', 'create 2']],
    ['fills a gap first', aStatefulSet(), [pod(0, 'ready'), pod(2, 'ready')], ['create 1']],
    ['waits for one that ends', aStatefulSet(), [pod(0, 'ending'), pod(1, 'ready')], []],
    ['makes a failed one anew', aStatefulSet(), [pod(0, 'ready'), pod(1, 'failed')], ['recreate db-1']],
    [
      'scales down from the top',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ready')],
      ['scaleDown db-2'],
    ],
    [
      'waits for it to end',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ending')],
      [],
    ],
    [
      'does not scale down while a lower one is not healthy',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'starting'), pod(1, 'ready')],
      [],
    ],
    [
      'scales down all at once',
      aStatefulSet({ replicas: 1, ...parallel }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ready')],
      ['scaleDown db-2', 'scaleDown db-1'],
    ],
    [
      'starts at another ordinal',
      aStatefulSet({ replicas: 1, ordinals: { start: 5 } }),
      [pod(0, 'ready')],
      ['create 5'],
    ],
    [
      'updates from the top',
      aStatefulSet(),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2'],
    ],
    [
      'goes on when that serves',
      aStatefulSet(),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready')],
      ['update db-1'],
    ],
    [
      'stops at the partition',
      aStatefulSet({ updateStrategy: { rollingUpdate: { partition: 2 } } }),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready')],
      [],
    ],
    [
      'updates as many as may be away',
      aStatefulSet({ ...parallel, updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } }),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2', 'update db-1'],
    ],
    [
      'replaces what does not serve before what does',
      aStatefulSet(parallel),
      [pod(0, 'starting', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-0'],
    ],
    [
      'waits for a new one that does not serve',
      aStatefulSet(parallel),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'starting')],
      [],
    ],
    [
      'leaves updates to the user',
      aStatefulSet({ updateStrategy: { type: 'OnDelete' }, replicas: 1 }),
      [pod(0, 'ready', 'old')],
      [],
    ],
  ]
  for (const [name, set, members, expected] of rows) {
    void it(name, () => assert.deepEqual(summary(set, ...members), expected))
  }
})

void describe('statefulSetReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const start = async (set = aStatefulSet()) => {
    harness = await runReconcilers([statefulSetReconciler], ({ client }) => client.seed(statefulSets, set))
  }
  const set = () => harness.one(statefulSets, 'default/db')
  const names = async () => (await harness.all(pods)).map(({ metadata }) => metadata!.name)
  const images = async () =>
    Object.fromEntries(
      (await harness.all(pods)).map(({ metadata, spec }) => [metadata!.name, spec!.containers[0]!.image]),
    )

  async function change(spec: Partial<StatefulSetSpec>): Promise<void> {
    await harness.edit(statefulSets, 'default/db', (current) => ({
      ...current,
      spec: { ...current.spec!, ...spec },
    }))
    await harness.settle()
  }

  async function makeReady(): Promise<void> {
    for (const pod of await harness.all(pods)) {
      if (isReady(pod)) continue
      const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(harness.clock.now()) }
      const status = { phase: 'Running' as PodPhase, conditions: [condition] }
      await harness.edit(pods, keyOf(pod), (current) => ({ ...current, status }), 'status')
    }
    await harness.settle()
  }

  void it('creates pods one after the other, each with its identity', async () => {
    await start()
    assert.deepEqual(await names(), ['db-0'])
    const pod = await harness.one(pods, 'default/db-0')
    const { updateRevision } = (await set()).status!
    assert.deepEqual(pod.metadata!.labels, {
      app: 'db',
      'controller-revision-hash': updateRevision,
      'statefulset.kubernetes.io/pod-name': 'db-0',
      'apps.kubernetes.io/pod-index': '0',
    })
    assert.deepEqual([pod.spec!.hostname, pod.spec!.subdomain], ['db-0', 'db'])
    for (let round = 0; round < 3; round++) await makeReady()
    assert.deepEqual(await names(), ['db-0', 'db-1', 'db-2'])
    assert.deepEqual((await set()).status, {
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: updateRevision,
      updateRevision,
    })
    assert.ok(
      (await harness.events()).includes('SuccessfulCreate: create Pod db-2 in StatefulSet db successful'),
    )
    assert.deepEqual(harness.complaints, [])
  })

  void it('makes a pod that was deleted anew, under its name', async () => {
    await start(aStatefulSet({ replicas: 1 }))
    const { uid } = (await harness.one(pods, 'default/db-0')).metadata!
    await harness.client.delete(pods, { namespace: 'default', name: 'db-0' })
    await harness.settle()
    assert.notEqual((await harness.one(pods, 'default/db-0')).metadata!.uid, uid)
  })

  void it('rolls an update out from the top, and records revisions that kubectl can go back to', async () => {
    await start()
    for (let round = 0; round < 3; round++) await makeReady()
    const before = (await set()).status!.currentRevision
    await change({ template: aStatefulSet({}, 'db:2').spec!.template })
    assert.deepEqual(await images(), { 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:2' })
    assert.equal((await set()).status!.currentRevision, before)
    for (let round = 0; round < 3; round++) await makeReady()
    assert.deepEqual(await images(), { 'db-0': 'db:2', 'db-1': 'db:2', 'db-2': 'db:2' })
    const { currentRevision, updateRevision } = (await set()).status!
    assert.equal(currentRevision, updateRevision)
    assert.notEqual(currentRevision, before)
    const revisions = (await harness.all(controllerRevisions)).toSorted(oldestRevisionFirst)
    assert.deepEqual(
      revisions.map(({ revision }) => revision),
      [1, 2],
    )
    assert.equal(templateOf(revisions[0]!).spec!.containers[0]!.image, 'db:1')
    await change({ template: aStatefulSet({}, 'db:1').spec!.template })
    assert.deepEqual(
      (await harness.all(controllerRevisions)).map(({ revision }) => revision).toSorted((a, b) => a - b),
      [2, 3],
    )
    assert.equal((await set()).status!.updateRevision, before)
  })

  void it('makes pods below the partition anew after the current revision', async () => {
    await start(
      aStatefulSet({
        replicas: 2,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
      }),
    )
    for (let round = 0; round < 2; round++) await makeReady()
    await change({ template: aStatefulSet({}, 'db:2').spec!.template })
    await makeReady()
    await harness.client.delete(pods, { namespace: 'default', name: 'db-0' })
    await harness.settle()
    assert.deepEqual(await images(), { 'db-0': 'db:1', 'db-1': 'db:2' })
  })

  void it('keeps as many revisions as the limit says', async () => {
    await start(aStatefulSet({ replicas: 0, revisionHistoryLimit: 1 }))
    for (const image of ['db:2', 'db:3', 'db:4'])
      await change({ template: aStatefulSet({}, image).spec!.template })
    assert.deepEqual(
      (await harness.all(controllerRevisions)).map(({ revision }) => revision),
      [3, 4],
    )
  })

  const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce' as const] } }]

  void it('gives each pod its claims, which outlive it', async () => {
    await start(aStatefulSet({ replicas: 2, volumeClaimTemplates: claims, podManagementPolicy: 'Parallel' }))
    assert.deepEqual(keys(await harness.all(persistentVolumeClaims)), [
      'default/data-db-0',
      'default/data-db-1',
    ])
    assert.deepEqual((await harness.one(pods, 'default/db-1')).spec!.volumes, [
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1', readOnly: false } },
    ])
    await makeReady()
    await change({ replicas: 0 })
    assert.deepEqual(await names(), [])
    const [claim] = await harness.all(persistentVolumeClaims)
    assert.equal(claim!.metadata!.ownerReferences, undefined)
    assert.equal((await harness.all(persistentVolumeClaims)).length, 2)
  })

  void it('hands claims over to the set or to a pod that goes, where it is told so', async () => {
    const retention = { whenDeleted: 'Delete', whenScaled: 'Delete' }
    const owners = async (name: string) =>
      (await harness.one(persistentVolumeClaims, `default/${name}`)).metadata!.ownerReferences?.map(
        ({ kind }) => kind,
      )
    await start(
      aStatefulSet({
        replicas: 2,
        volumeClaimTemplates: claims,
        persistentVolumeClaimRetentionPolicy: retention,
      }),
    )
    for (let round = 0; round < 2; round++) await makeReady()
    assert.deepEqual(
      [await owners('data-db-0'), await owners('data-db-1')],
      [['StatefulSet'], ['StatefulSet']],
    )
    await change({ replicas: 1 })
    assert.deepEqual([await owners('data-db-0'), await owners('data-db-1')], [['StatefulSet'], ['Pod']])
    await change({ replicas: 2 })
    assert.deepEqual(await names(), ['db-0'])
    await harness.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data-db-1' })
    await harness.settle()
    assert.deepEqual(await names(), ['db-0', 'db-1'])
  })

  void it('adopts only pods that have one of its names', async () => {
    harness = await runReconcilers([statefulSetReconciler], ({ client }) => {
      client.seed(pods, aPod('db-0', { metadata: { labels } }), aPod('other', { metadata: { labels } }))
      client.seed(statefulSets, aStatefulSet())
    })
    assert.equal((await harness.one(pods, 'default/db-0')).metadata!.ownerReferences![0]!.name, 'db')
    assert.equal((await harness.one(pods, 'default/other')).metadata!.ownerReferences, undefined)
  })

  void it('writes nothing when nothing has to change', async () => {
    await start()
    for (let round = 0; round < 3; round++) await makeReady()
    const before = harness.client.calls.length
    await harness.edit(statefulSets, 'default/db', (s) => ({
      ...s,
      metadata: { ...s.metadata, labels: { a: 'b' } },
    }))
    await harness.pass(3_600_000)
    assert.equal(harness.client.calls.length, before + 1)
  })
})
