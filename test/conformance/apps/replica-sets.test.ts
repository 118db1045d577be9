import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ReplicaSet } from '../../../src/api/generated/apps.v1.ts'
import type { Scale } from '../../../src/api/generated/autoscaling.v1.ts'
import type { Pod, ReplicationController } from '../../../src/api/generated/core.v1.ts'
import {
  pods,
  replicaSets,
  replicationControllers,
  resourceQuotas,
} from '../../../src/api/generated/resources.ts'
import type { Resource } from '../../../src/machinery/resource.ts'
import { aPod, aReplicaSet, aReplicationController, server } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

type Owner = ReplicaSet | ReplicationController

interface Kind {
  readonly resource: Resource<Owner>
  readonly build: (namespace: string, name: string, replicas: number) => Owner
}

const kinds: Readonly<Record<string, Kind>> = {
  'replica sets': { resource: replicaSets, build: aReplicaSet },
  'replication controllers': {
    resource: replicationControllers,
    build: aReplicationController,
  },
}

const ownerOf = ({ metadata }: Pod) => metadata?.ownerReferences?.find(({ controller }) => controller)?.uid

for (const [title, { resource, build }] of Object.entries(kinds)) {
  describe(title, { concurrency: true }, () => {
    const cluster = sharedCluster({ nodes: 2 })

    it('keep so many pods running', async () => {
      const { client, namespace } = await cluster.scope()
      await client.create(resource, build(namespace, 'set', 2))
      const made = await untilList(client, pods, { namespace }, (items) => {
        return items.length === 2 && items.every(({ status }) => status?.phase === 'Running')
      })
      for (const { metadata, status } of made) {
        assert.match(metadata?.name ?? '', /^set-[a-z0-9]{5}$/)
        assert.ok(status?.podIP)
      }
      await client.delete(pods, { namespace, name: made[0]!.metadata!.name! })
      await untilList(client, pods, { namespace }, (items) => {
        return items.length === 2 && !items.some(({ metadata }) => metadata?.uid === made[0]!.metadata!.uid)
      })
    })

    it('take up pods that match and are nobody’s, and let go of those that no longer match', async () => {
      const { client, namespace } = await cluster.scope()
      const orphan = await client.create(pods, aPod(namespace, 'set'))
      const set = await client.create(resource, build(namespace, 'set', 1))
      const name = { namespace, name: 'set' }
      const { uid } = set.metadata!
      await untilObject(client, pods, name, (pod) => ownerOf(pod) === uid)
      await untilObject(client, resource, name, ({ status }) => status?.replicas === 1)
      const body = { metadata: { labels: { name: 'not-matching' } } }
      await client.patch(pods, name, { type: 'strategic', body })
      const released = await untilObject(client, pods, name, (pod) => ownerOf(pod) === undefined)
      assert.equal(released.metadata?.uid, orphan.metadata?.uid)
      await untilList(client, pods, { namespace, labelSelector: 'name=set' }, ([pod]) => {
        return pod !== undefined && ownerOf(pod) === uid
      })
    })

    it('are read and changed by their scale', async () => {
      const { client, namespace } = await cluster.scope()
      const name = { namespace, name: 'set' }
      await client.create(resource, build(namespace, 'set', 1))
      await untilObject(client, resource, name, ({ status }) => status?.replicas === 1)
      const scale = await client.getSubresource<Scale>(resource, name, 'scale')
      assert.equal(scale.spec?.replicas, 1)
      assert.equal(scale.status?.selector, 'name=set')
      const { resourceVersion: _, ...metadata } = scale.metadata!
      const updated = await client.updateSubresource<Scale>(resource, name, 'scale', {
        ...scale,
        metadata,
        spec: { replicas: 2 },
      } as Scale)
      assert.equal(updated.spec?.replicas, 2)
      assert.equal((await client.get(resource, name)).spec?.replicas, 2)
      const patched = await client.patch(
        resource,
        name,
        { type: 'merge', body: { spec: { replicas: 3 } } },
        { subresource: 'scale' },
      )
      assert.equal(patched.spec?.replicas, 3)
      await untilObject(client, resource, name, ({ status }) => status?.readyReplicas === 3)
    })

    it('tell of pods that a quota does not allow, until it does', async () => {
      const { client, namespace } = await cluster.scope()
      const name = { namespace, name: 'set' }
      const quota = { metadata: { namespace, name: 'quota' }, spec: { hard: { pods: '2' } } }
      await client.create(resourceQuotas, quota)
      await untilObject(client, resourceQuotas, { namespace, name: 'quota' }, ({ status }) => {
        return status?.used?.['pods'] === '0'
      })
      await client.create(resource, build(namespace, 'set', 3))
      const failure = ({ status }: Owner) => status?.conditions?.find(({ type }) => type === 'ReplicaFailure')
      const failed = await untilObject(client, resource, name, (set) => failure(set) !== undefined)
      assert.equal(failure(failed)?.reason, 'FailedCreate')
      assert.match(failure(failed)?.message ?? '', /exceeded quota: quota/)
      await client.patch(resource, name, { type: 'merge', body: { spec: { replicas: 2 } } })
      await untilObject(client, resource, name, (set) => {
        return set.status?.replicas === 2 && failure(set) === undefined
      })
    })

    it('live from their creation to their deletion as clients write them', async () => {
      const { client, namespace } = await cluster.scope()
      const name = { namespace, name: 'set' }
      await client.create(resource, build(namespace, 'set', 1))
      await untilObject(client, resource, name, ({ status }) => status?.readyReplicas === 1)

      const body = {
        metadata: { labels: { 'test-set': 'patched' } },
        spec: { replicas: 2, template: { spec: { containers: [{ ...server, image: 'server:2' }] } } },
      }
      await client.patch(resource, name, { type: 'strategic', body })
      const patched = await untilObject(
        client,
        resource,
        name,
        ({ status }) => status?.availableReplicas === 2,
      )
      assert.equal(patched.metadata?.labels?.['test-set'], 'patched')
      assert.equal(patched.spec?.template?.spec?.containers[0]?.image, 'server:2')

      const condition = { type: 'StatusUpdate', status: 'True', reason: 'Test', message: 'Set by a test' }
      const status = { conditions: [condition] }
      const told = await client.patch(
        resource,
        name,
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      )
      assert.deepEqual(
        told.status?.conditions?.map(({ type }) => type),
        ['StatusUpdate'],
      )
      await client.patch(resource, name, { type: 'merge', body: { spec: { replicas: 0 } } })
      await untilObject(client, resource, name, ({ status }) => status?.replicas === 0)
      await client.deleteCollection(resource, { namespace, labelSelector: 'test-set=patched' })
      await untilGone(client, resource, name)
    })
  })
}
