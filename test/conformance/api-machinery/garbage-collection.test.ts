import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import {
  deployments,
  pods,
  replicaSets,
  replicationControllers,
} from '../../../src/api/generated/resources.ts'
import { isNotFound } from '../../../src/machinery/status-errors.ts'
import { aDeployment, aPod, aReplicationController } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

describe('the garbage collector', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('deletes pods after their replication controller', async () => {
    const { client, namespace } = await cluster.scope()
    const made = await client.create(replicationControllers, aReplicationController(namespace, 'rc', 2))
    await untilList(client, pods, { namespace }, (items) => items.length > 0)
    await client.delete(
      replicationControllers,
      { namespace, name: 'rc' },
      { propagationPolicy: 'Background', preconditions: { uid: made.metadata!.uid! } },
    )
    await untilList(client, pods, { namespace }, (items) => items.length === 0)
  })

  it('leaves the pods of a replication controller that is deleted alone', async () => {
    const { client, namespace } = await cluster.scope()
    const name = { namespace, name: 'rc' }
    await client.create(replicationControllers, aReplicationController(namespace, 'rc', 10))
    await untilObject(client, replicationControllers, name, ({ status }) => status?.replicas === 10)
    await client.delete(replicationControllers, name, { propagationPolicy: 'Orphan' })
    await untilGone(client, replicationControllers, name)
    const { items } = await client.list(pods, { namespace })
    assert.equal(items.length, 10)
    for (const { metadata } of items) assert.deepEqual(metadata?.ownerReferences ?? [], [])
  })

  it('deletes the replica sets and pods of a deployment', async () => {
    const { client, namespace } = await cluster.scope()
    await client.create(deployments, aDeployment(namespace, 'web', 2))
    await untilList(client, replicaSets, { namespace }, (items) => items.length === 1)
    await client.delete(deployments, { namespace, name: 'web' }, { propagationPolicy: 'Background' })
    await untilList(client, replicaSets, { namespace }, (items) => items.length === 0)
    await untilList(client, pods, { namespace }, (items) => items.length === 0)
  })

  it('leaves the replica set of a deployment that is deleted alone', async () => {
    const { client, namespace } = await cluster.scope()
    await client.create(deployments, aDeployment(namespace, 'web', 2))
    await untilList(client, replicaSets, { namespace }, ([set]) => set?.status?.replicas === 2)
    await client.delete(deployments, { namespace, name: 'web' }, { propagationPolicy: 'Orphan' })
    await untilGone(client, deployments, { namespace, name: 'web' })
    const sets = await client.list(replicaSets, { namespace })
    assert.equal(sets.items.length, 1)
    assert.deepEqual(sets.items[0]?.metadata?.ownerReferences ?? [], [])
    assert.equal((await client.list(pods, { namespace })).items.length, 2)
  })

  it('keeps an owner until what it owns is gone, when told to', async () => {
    const { client, namespace } = await cluster.scope()
    const name = { namespace, name: 'rc' }
    await client.create(replicationControllers, aReplicationController(namespace, 'rc', 10))
    await untilObject(client, replicationControllers, name, ({ status }) => status?.replicas === 10)
    await client.delete(replicationControllers, name, { propagationPolicy: 'Foreground' })
    for (;;) {
      // The order of the two lists counts: pods that are seen after their owner is not were left behind.
      const owner = await client.get(replicationControllers, name).catch((error: unknown) => {
        assert.ok(isNotFound(error))
      })
      const { items } = await client.list(pods, { namespace })
      if (owner) {
        assert.deepEqual(owner.metadata?.finalizers, ['foregroundDeletion'])
        continue
      }
      return assert.equal(items.length, 0)
    }
  })

  it('keeps what has another owner that stays', async () => {
    const { client, namespace } = await cluster.scope()
    const going = { namespace, name: 'going' }
    await client.create(replicationControllers, aReplicationController(namespace, 'going', 10))
    const staying = await client.create(
      replicationControllers,
      aReplicationController(namespace, 'staying', 0),
    )
    const made = await untilList(client, pods, { namespace }, (items) => items.length === 10)
    await untilObject(client, replicationControllers, going, ({ status }) => status?.replicas === 10)
    const half = made.slice(0, 5).map(({ metadata }) => metadata!.name!)
    const owner = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      name: 'staying',
      uid: staying.metadata!.uid!,
    }
    for (const name of half) {
      const body = { metadata: { ownerReferences: [owner] } }
      await client.patch(pods, { namespace, name }, { type: 'strategic', body })
    }
    await client.delete(replicationControllers, going, { propagationPolicy: 'Foreground' })
    await untilGone(client, replicationControllers, going)
    const { items } = await client.list(pods, { namespace })
    assert.deepEqual(new Set(items.map(({ metadata }) => metadata?.name)), new Set(half))
    for (const { metadata } of items) {
      assert.equal(metadata?.deletionTimestamp, undefined)
      assert.deepEqual(
        metadata?.ownerReferences?.map(({ name }) => name),
        ['staying'],
      )
    }
  })

  it('is not held up by owners in a circle', async () => {
    const { client, namespace } = await cluster.scope()
    const uids = new Map<string, string>()
    for (const name of ['pod1', 'pod2', 'pod3']) {
      const pod: Pod = await client.create(pods, aPod(namespace, name))
      uids.set(name, pod.metadata!.uid!)
    }
    for (const [name, owner] of [
      ['pod1', 'pod3'],
      ['pod2', 'pod1'],
      ['pod3', 'pod2'],
    ] as const) {
      const reference = {
        apiVersion: 'v1',
        kind: 'Pod',
        name: owner,
        uid: uids.get(owner)!,
        controller: true,
        blockOwnerDeletion: true,
      }
      const body = { metadata: { ownerReferences: [reference] } }
      await client.patch(pods, { namespace, name }, { type: 'strategic', body })
    }
    await client.delete(pods, { namespace, name: 'pod1' }, { propagationPolicy: 'Foreground' })
    await untilList(client, pods, { namespace }, (items) => items.length === 0)
  })
})
