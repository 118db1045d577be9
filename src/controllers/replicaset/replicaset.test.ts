import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { ReplicaSet } from '../../api/generated/apps.v1.ts'
import type { Pod, ReplicationController } from '../../api/generated/core.v1.ts'
import { pods, replicaSets, replicationControllers } from '../../api/generated/resources.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { formatTime } from '../../machinery/time.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { planReplicas } from './plan-replicas.ts'
import { replicaSetReconciler } from './replicaset.ts'
import { replicationControllerReconciler } from './replicationcontroller.ts'

const labels = { app: 'web' }

function aReplicaSet(name: string, replicas: number, spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app' }] } }
  return {
    metadata: { namespace: 'default', name },
    spec: { replicas, selector: { matchLabels: labels }, template, ...spec },
  }
}

function makeReady(pod: Pod, at: number): Pod {
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(at) }
  return { ...pod, status: { phase: 'Running', conditions: [condition] } }
}

void describe('planReplicas', () => {
  const running = ['a', 'b', 'c'].map((name) => aPod(name))
  const rows = [
    [3, { type: 'keep' }],
    [5, { type: 'create', count: 2 }],
    [10_000, { type: 'create', count: 500 }],
    [0, { type: 'delete', pods: running }],
  ] as const
  for (const [wanted, plan] of rows) {
    void it(`of 3 pods for ${wanted} is ${plan.type}`, () => {
      assert.deepEqual(
        planReplicas(wanted, running, () => running, 0),
        plan,
      )
    })
  }
})

void describe('replicaSetReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(...objects: readonly ReplicaSet[]): Promise<void> {
    harness = await runReconcilers([replicaSetReconciler], ({ client }) =>
      client.seed(replicaSets, ...objects),
    )
  }

  async function finishDeletions(): Promise<void> {
    for (const pod of await harness.all(pods)) {
      const { namespace, name, deletionTimestamp } = pod.metadata!
      if (deletionTimestamp)
        await harness.client.delete(pods, { namespace: namespace!, name: name! }, { gracePeriodSeconds: 0 })
    }
    await harness.settle()
  }

  void it('creates pods after the template, and says so', async () => {
    await start(aReplicaSet('web', 3))
    const created = await harness.all(pods)
    assert.equal(created.length, 3)
    assert.equal(created[0]!.metadata!.generateName, 'web-')
    assert.deepEqual(created[0]!.metadata!.labels, labels)
    const { uid } = (await harness.one(replicaSets, 'default/web')).metadata!
    assert.deepEqual(created[0]!.metadata!.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
    assert.deepEqual(
      (await harness.events()).toSorted(),
      created.map(({ metadata }) => `SuccessfulCreate: Created pod: ${metadata!.name}`).toSorted(),
    )
    assert.deepEqual((await harness.one(replicaSets, 'default/web')).status, {
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 0,
      availableReplicas: 0,
      terminatingReplicas: 0,
      observedGeneration: 1,
    })
  })

  void it('replaces a pod that goes, and one that ended', async () => {
    await start(aReplicaSet('web', 2))
    const [first, second] = keys(await harness.all(pods))
    await harness.client.delete(pods, { namespace: 'default', name: first!.split('/')[1]! })
    await harness.edit(pods, second!, (pod) => ({ ...pod, status: { phase: 'Failed' as const } }), 'status')
    await harness.settle()
    const now = await harness.all(pods)
    assert.equal(now.filter(({ status }) => status?.phase !== 'Failed').length, 2)
    assert.equal(now.length, 3)
  })

  void it('counts pods that are on their way out, and does not wait for them', async () => {
    await start(aReplicaSet('web', 1))
    const [key] = keys(await harness.all(pods))
    await harness.edit(pods, key!, (pod) => ({ ...pod, spec: { ...pod.spec!, nodeName: 'n' } }))
    await harness.client.delete(pods, { namespace: 'default', name: key!.split('/')[1]! })
    await harness.settle()
    const { status } = await harness.one(replicaSets, 'default/web')
    assert.deepEqual([status?.replicas, status?.terminatingReplicas], [1, 1])
    await finishDeletions()
    assert.equal((await harness.one(replicaSets, 'default/web')).status?.terminatingReplicas, 0)
  })

  void it('scales down', async () => {
    await start(aReplicaSet('web', 5))
    await harness.edit(replicaSets, 'default/web', (set) => ({ ...set, spec: { ...set.spec!, replicas: 2 } }))
    await harness.settle()
    assert.equal((await harness.all(pods)).length, 2)
    assert.equal(
      (await harness.events()).filter((event) => event.startsWith('SuccessfulDelete: Deleted pod: ')).length,
      3,
    )
    assert.equal((await harness.one(replicaSets, 'default/web')).status?.observedGeneration, 2)
  })

  void it('tells how old deleted pods were beside the youngest', async () => {
    await start(aReplicaSet('web', 2))
    await harness.pass(60_000)
    await harness.edit(replicaSets, 'default/web', (set) => ({ ...set, spec: { ...set.spec!, replicas: 3 } }))
    await harness.pass(20_000)
    for (const key of keys(await harness.all(pods)))
      await harness.edit(pods, key, (pod) => makeReady(pod, harness.clock.now()), 'status')
    await harness.edit(replicaSets, 'default/web', (set) => ({ ...set, spec: { ...set.spec!, replicas: 1 } }))
    await harness.settle()
    const text = harness.metrics.text()
    assert.match(text, /replicaset_controller_sorting_deletion_age_ratio_bucket\{le="4"\} 2\n/)
    assert.match(text, /replicaset_controller_sorting_deletion_age_ratio_bucket\{le="0.5"\} 0\n/)
  })

  void it('adopts orphans that it selects and lets go what it does not select any more', async () => {
    harness = await runReconcilers([replicaSetReconciler], ({ client }) => {
      client.seed(
        pods,
        aPod('orphan', { metadata: { labels } }),
        aPod('other', { metadata: { labels: { app: 'db' } } }),
      )
      client.seed(replicaSets, aReplicaSet('web', 1))
    })
    assert.equal(controllerOf(await harness.one(pods, 'default/orphan'))?.name, 'web')
    assert.equal((await harness.all(pods)).length, 2)
    await harness.edit(pods, 'default/orphan', (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: {} },
    }))
    await harness.settle()
    assert.deepEqual((await harness.one(pods, 'default/orphan')).metadata!.ownerReferences, [])
    assert.equal((await harness.all(pods)).length, 3)
  })

  void it('keeps pods that have ended, whatever labels they are given', async () => {
    await start(aReplicaSet('web', 1))
    const [key] = keys(await harness.all(pods))
    await harness.edit(pods, key!, (pod) => ({ ...pod, status: { phase: 'Failed' as const } }), 'status')
    await harness.edit(pods, key!, (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: {} } }))
    await harness.settle()
    assert.equal(controllerOf(await harness.one(pods, key!))?.name, 'web')
    assert.equal((await harness.all(pods)).length, 2)
  })

  void it('adopts and creates nothing when it has just been deleted', async () => {
    harness = await runReconcilers([replicaSetReconciler], ({ client }) => {
      const { get } = client
      client.get = async (resource, ...rest) => {
        const found = await get(resource, ...rest)
        const ends = { ...found.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
        return resource.kind === 'ReplicaSet' ? { ...found, metadata: ends } : found
      }
      client.seed(pods, aPod('orphan', { metadata: { labels } }))
      client.seed(replicaSets, aReplicaSet('web', 2))
    })
    assert.equal((await harness.all(pods)).length, 1)
    assert.equal(controllerOf(await harness.one(pods, 'default/orphan')), undefined)
  })

  void it('leaves pods of others alone', async () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x', uid: 'x', controller: true }
    harness = await runReconcilers([replicaSetReconciler], ({ client }) => {
      client.seed(pods, aPod('theirs', { metadata: { labels, ownerReferences: [owner] } }))
      client.seed(replicaSets, aReplicaSet('web', 1))
    })
    assert.equal((await harness.all(pods)).length, 2)
    assert.equal(controllerOf(await harness.one(pods, 'default/theirs'))?.name, 'x')
  })

  void it('counts a pod as available once it was ready for minReadySeconds', async () => {
    await start(aReplicaSet('web', 1, { minReadySeconds: 10 }))
    const [key] = keys(await harness.all(pods))
    await harness.edit(pods, key!, (pod) => makeReady(pod, harness.clock.now()), 'status')
    await harness.settle()
    const available = async () => (await harness.one(replicaSets, 'default/web')).status?.availableReplicas
    assert.equal(await available(), 0)
    await harness.pass(9_000)
    assert.equal(await available(), 0)
    await harness.pass(1_000)
    assert.equal(await available(), 1)
  })

  void it('says in condition and event that pods cannot be created, tries few at once, and recovers', async () => {
    harness = await runReconcilers([replicaSetReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'pods') throw forbidden('pods', 'web-', 'exceeded quota')
      }
      client.seed(replicaSets, aReplicaSet('web', 10))
    })
    assert.ok(
      harness.client.calls.filter(({ verb, resource }) => verb === 'create' && resource === 'pods').length <=
        2,
    )
    const message = 'pods "web-" is forbidden: exceeded quota'
    assert.deepEqual((await harness.one(replicaSets, 'default/web')).status?.conditions, [
      {
        type: 'ReplicaFailure',
        status: 'True',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        reason: 'FailedCreate',
        message,
      },
    ])
    assert.deepEqual(new Set(await harness.events()), new Set([`FailedCreate: Error creating: ${message}`]))
    delete harness.client.onWrite
    await harness.pass(1000)
    assert.equal((await harness.all(pods)).length, 10)
    assert.equal((await harness.one(replicaSets, 'default/web')).status?.conditions, undefined)
  })

  void it('is content when the namespace is being deleted', async () => {
    harness = await runReconcilers([replicaSetReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb !== 'create' || resource !== 'pods') return
        throw new StatusError(403, 'Forbidden', 'terminating', {
          causes: [{ reason: 'NamespaceTerminating' }],
        })
      }
      client.seed(replicaSets, aReplicaSet('web', 2))
    })
    assert.deepEqual(harness.complaints, [])
    assert.deepEqual(await harness.events(), [])
  })

  void it('does nothing more than count when it is being deleted', async () => {
    await start({
      ...aReplicaSet('web', 2),
      metadata: { namespace: 'default', name: 'web', finalizers: ['x'] },
    })
    await harness.client.delete(replicaSets, { namespace: 'default', name: 'web' })
    for (const key of keys(await harness.all(pods)))
      await harness.client.delete(pods, { namespace: 'default', name: key.split('/')[1]! })
    await harness.settle()
    assert.equal((await harness.all(pods)).length, 0)
    assert.equal((await harness.one(replicaSets, 'default/web')).status?.replicas, 0)
  })

  void it('writes nothing when nothing has to change', async () => {
    await start(aReplicaSet('web', 2))
    const before = harness.client.calls.length
    await harness.edit(replicaSets, 'default/web', (set) => ({
      ...set,
      metadata: { ...set.metadata, annotations: { a: 'b' } },
    }))
    await harness.settle()
    assert.equal(harness.client.calls.length, before + 1)
  })
})

void describe('replicationControllerReconciler', () => {
  void it('works the same, under its own names', async () => {
    const controller: ReplicationController = {
      metadata: { namespace: 'default', name: 'old' },
      spec: { replicas: 2, selector: labels, template: { metadata: { labels } } },
    }
    const harness = await runReconcilers([replicationControllerReconciler], ({ client }) =>
      client.seed(replicationControllers, controller),
    )
    const [pod, ...others] = await harness.all(pods)
    assert.equal(others.length, 1)
    assert.equal(controllerOf(pod!)?.kind, 'ReplicationController')
    assert.equal(controllerOf(pod!)?.apiVersion, 'v1')
    assert.deepEqual((await harness.one(replicationControllers, 'default/old')).status, {
      replicas: 2,
      fullyLabeledReplicas: 2,
      readyReplicas: 0,
      availableReplicas: 0,
      observedGeneration: 1,
    })
    await harness.stop()
  })
})
