import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { StatefulSetSpec } from '../../api/generated/apps.v1.ts'
import type { PodPhase } from '../../api/generated/core.v1.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../api/generated/resources.ts'
import { keyOf } from '../../machinery/resource.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { oldestRevisionFirst, templateOf } from '../history/controller-revisions.ts'
import { isReady } from '../pods/pod-state.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { statefulSetReconciler } from './statefulset.ts'
import { aStatefulSet, labels } from './testing/builders.ts'

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
      collisionCount: 0,
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

  void it('tells how many pods are away, and how many may be, until it is gone', async () => {
    const labels =
      '{statefulset_namespace="default",statefulset_name="db",pod_management_policy="OrderedReady"}'
    const values = () =>
      ['max_unavailable', 'unavailable_replicas'].map((name) => {
        const series = `statefulset_controller_statefulset_${name}${labels} `
        const line = harness.metrics
          .text()
          .split('\n')
          .find((each) => each.startsWith(series))
        return line?.slice(series.length)
      })
    await start()
    assert.deepEqual(values(), ['1', '3'])
    await makeReady()
    await harness.pass(1)
    assert.deepEqual(values(), ['1', '2'])
    await harness.client.delete(statefulSets, { namespace: 'default', name: 'db' })
    await harness.settle()
    assert.deepEqual(values(), [undefined, undefined])
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

  void it('makes pods anew that have ended, without a word about it', async () => {
    await start(aStatefulSet({ replicas: 1 }))
    for (const phase of ['Failed', 'Succeeded'] as const) {
      const { uid } = (await harness.one(pods, 'default/db-0')).metadata!
      await harness.edit(pods, 'default/db-0', (pod) => ({ ...pod, status: { phase } }), 'status')
      await harness.settle()
      assert.notEqual((await harness.one(pods, 'default/db-0')).metadata!.uid, uid)
    }
    assert.deepEqual(
      [...new Set(await harness.events())],
      [
        'SuccessfulCreate: create Pod db-0 in StatefulSet db successful',
        'SuccessfulDelete: delete Pod db-0 in StatefulSet db successful',
      ],
    )
  })

  void it('waits, in order, until a pod has been ready for minReadySeconds', async () => {
    await start(aStatefulSet({ replicas: 2, minReadySeconds: 10 }))
    await makeReady()
    assert.deepEqual(await names(), ['db-0'])
    const { readyReplicas, availableReplicas } = (await set()).status!
    assert.deepEqual([readyReplicas, availableReplicas], [1, 0])
    await harness.pass(10_000)
    assert.deepEqual(await names(), ['db-0', 'db-1'])
    assert.equal((await set()).status!.availableReplicas, 1)
  })

  void it('moves to other ordinals', async () => {
    await start(aStatefulSet({ replicas: 2, podManagementPolicy: 'Parallel' }))
    await makeReady()
    await change({ ordinals: { start: 1 } })
    assert.deepEqual(await names(), ['db-1', 'db-2'])
  })

  void it('tells that a claim cannot be created, and creates no pod without it', async () => {
    harness = await runReconcilers([statefulSetReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource, name }) => {
        if (verb === 'create' && resource === 'persistentvolumeclaims')
          throw forbidden(resource, name, 'quota')
      }
      client.seed(statefulSets, aStatefulSet({ volumeClaimTemplates: claims }))
    })
    assert.deepEqual(await names(), [])
    const refusal = 'persistentvolumeclaims "data-db-0" is forbidden: quota'
    assert.deepEqual(
      new Set(await harness.events()),
      new Set([
        `FailedCreate: create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: ${refusal}`,
        `FailedCreate: create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: ${refusal}`,
      ]),
    )
    delete harness.client.onWrite
    await harness.pass(1000)
    assert.deepEqual(await names(), ['db-0'])
  })

  void it('waits for a claim that is being deleted, and makes it anew when it is gone', async () => {
    const doomed = { metadata: { namespace: 'default', name: 'data-db-0', finalizers: ['x'] } }
    harness = await runReconcilers([statefulSetReconciler], ({ client }) => {
      client.seed(persistentVolumeClaims, doomed)
    })
    await harness.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data-db-0' })
    await harness.client.create(statefulSets, aStatefulSet({ volumeClaimTemplates: claims }))
    await harness.settle()
    assert.deepEqual(await names(), [])
    await harness.edit(persistentVolumeClaims, 'default/data-db-0', (claim) => ({
      ...claim,
      metadata: { ...claim.metadata, finalizers: [] },
    }))
    await harness.settle()
    assert.deepEqual(await names(), ['db-0'])
    const { labels: given } = (await harness.one(persistentVolumeClaims, 'default/data-db-0')).metadata!
    assert.deepEqual(given, labels)
  })

  void it('creates few at once while that fails', async () => {
    harness = await runReconcilers([statefulSetReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'pods') throw forbidden('pods', '', 'quota')
      }
      client.seed(statefulSets, aStatefulSet({ replicas: 50, podManagementPolicy: 'Parallel' }))
    })
    const tries = harness.client.calls.filter(
      ({ verb, resource }) => verb === 'create' && resource === 'pods',
    )
    assert.ok(tries.length <= 3)
    delete harness.client.onWrite
    await harness.pass(1000)
    assert.equal((await names()).length, 50)
  })

  void it('does no more than count when it is being deleted', async () => {
    await start({ ...aStatefulSet(), metadata: { namespace: 'default', name: 'db', finalizers: ['x'] } })
    await makeReady()
    await harness.client.delete(statefulSets, { namespace: 'default', name: 'db' })
    for (const name of await names()) await harness.client.delete(pods, { namespace: 'default', name: name! })
    for (const { metadata } of await harness.all(controllerRevisions))
      await harness.client.delete(controllerRevisions, { namespace: 'default', name: metadata!.name! })
    await harness.settle()
    assert.deepEqual(await names(), [])
    assert.deepEqual(await harness.all(controllerRevisions), [])
    assert.equal((await set()).status!.replicas, 0)
  })
})
