import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../../src/api/generated/apps.v1.ts'
import type { Scale } from '../../../src/api/generated/autoscaling.v1.ts'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import { deployments, pods, replicaSets } from '../../../src/api/generated/resources.ts'
import { aDeployment, aPod, aReplicaSet, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { readEvents, untilGone, untilList, untilObject } from '../harness/until-object.ts'

const revisionKey = 'deployment.kubernetes.io/revision'

function withSpec(deployment: Deployment, spec: Partial<DeploymentSpec>): Deployment {
  return { ...deployment, spec: { ...deployment.spec!, ...spec } }
}

function setImage({ client, namespace }: Scope, name: string, image: string) {
  const body = { spec: { template: { spec: { containers: [{ ...server, image }] } } } }
  return client.patch(deployments, { namespace, name }, { type: 'strategic', body })
}

const imageOf = ({ spec }: ReplicaSet) => spec?.template?.spec?.containers[0]?.image

function untilRolledOut({ client, namespace }: Scope, name: string, replicas: number) {
  return untilObject(client, deployments, { namespace, name }, ({ metadata, status }) => {
    return (
      (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
      status?.updatedReplicas === replicas &&
      status.availableReplicas === replicas &&
      status.replicas === replicas
    )
  })
}

describe('deployments', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('take up a replica set that matches, and roll over to their own template', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const old: ReplicaSet = {
      ...aReplicaSet(namespace, 'old', 1),
      metadata: {
        namespace,
        name: 'old',
        labels: { name: 'web', pod: 'old' },
        annotations: { [revisionKey]: '3546343826724305832' },
      },
    }
    const spec = { ...old.spec!, selector: { matchLabels: { name: 'web' } } }
    const template = { ...old.spec!.template!, metadata: { labels: { name: 'web', pod: 'old' } } }
    await client.create(replicaSets, { ...old, spec: { ...spec, template } })
    await untilObject(
      client,
      replicaSets,
      { namespace, name: 'old' },
      ({ status }) => status?.readyReplicas === 1,
    )
    const deployment = aDeployment(namespace, 'web', 1)
    await client.create(deployments, deployment)
    await untilRolledOut(scope, 'web', 1)
    const sets = await untilList(client, replicaSets, { namespace }, (items) => {
      return (
        items.length === 2 &&
        items.some(({ metadata, status }) => metadata?.name === 'old' && status?.replicas === 0)
      )
    })
    const fresh = sets.find(({ metadata }) => metadata?.name !== 'old')
    assert.equal(fresh?.metadata?.annotations?.[revisionKey], '3546343826724305833')
    const labels = fresh.metadata.labels ?? {}
    assert.ok(labels['pod-template-hash'])
    assert.equal(fresh.spec?.selector.matchLabels?.['pod-template-hash'], labels['pod-template-hash'])
  })

  it('never have pods of two templates when they recreate', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const recreate = withSpec(aDeployment(namespace, 'web', 2), { strategy: { type: 'Recreate' } })
    await client.create(deployments, recreate)
    await untilRolledOut(scope, 'web', 2)
    const { metadata } = await client.list(pods, { namespace })
    const events = readEvents(client, pods, { namespace, resourceVersion: metadata?.resourceVersion ?? '' })
    await setImage(scope, 'web', 'server:2')
    const gone = new Set<string>()
    for (;;) {
      const { type, object }: { type: string; object: Pod } = await events.next()
      if (type === 'DELETED') gone.add(object.metadata!.name!)
      if (type !== 'ADDED') continue
      assert.equal(object.spec?.containers[0]?.image, 'server:2')
      break
    }
    assert.equal(gone.size, 2)
    events.close()
    await untilRolledOut(scope, 'web', 2)
  })

  it('clean up replica sets beyond their history', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await client.create(deployments, withSpec(aDeployment(namespace, 'web', 1), { revisionHistoryLimit: 0 }))
    await untilRolledOut(scope, 'web', 1)
    await setImage(scope, 'web', 'server:2')
    await untilList(client, replicaSets, { namespace }, ([set, ...others]) => {
      return set !== undefined && others.length === 0 && imageOf(set) === 'server:2'
    })
  })

  it('roll over to a newer template in the midst of a rollout', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } as const
    const gated = aDeployment(namespace, 'web', 1)
    await client.create(deployments, withSpec(gated, { strategy }))
    await untilRolledOut(scope, 'web', 1)
    const readinessGates = [{ conditionType: 'never' }]
    const body = {
      spec: { template: { spec: { readinessGates, containers: [{ ...server, image: 'stuck:1' }] } } },
    }
    await client.patch(deployments, { namespace, name: 'web' }, { type: 'strategic', body })
    await untilList(client, replicaSets, { namespace }, (items) => {
      return items.some((set) => imageOf(set) === 'stuck:1' && set.status?.replicas === 1)
    })
    const over = {
      spec: { template: { spec: { readinessGates: null, containers: [{ ...server, image: 'server:2' }] } } },
    }
    await client.patch(deployments, { namespace, name: 'web' }, { type: 'strategic', body: over })
    await untilRolledOut(scope, 'web', 1)
    const { items } = await client.list(replicaSets, { namespace })
    for (const set of items) assert.equal(set.spec?.replicas, imageOf(set) === 'server:2' ? 1 : 0)
  })

  it('share a new size among the replica sets of a rollout in proportion', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } as const
    await client.create(deployments, withSpec(aDeployment(namespace, 'web', 10), { strategy }))
    await untilRolledOut(scope, 'web', 10)
    const readinessGates = [{ conditionType: 'never' }]
    const body = {
      spec: { template: { spec: { readinessGates, containers: [{ ...server, image: 'stuck:1' }] } } },
    }
    await client.patch(deployments, { namespace, name: 'web' }, { type: 'strategic', body })
    const sizes = (expectedOld: number, expectedNew: number) =>
      untilList(client, replicaSets, { namespace }, (items) => {
        const size = (stuck: boolean) =>
          items.find((set) => (imageOf(set) === 'stuck:1') === stuck)?.spec?.replicas
        return size(false) === expectedOld && size(true) === expectedNew
      })
    await sizes(8, 5)
    await untilObject(
      client,
      deployments,
      { namespace, name: 'web' },
      ({ status }) => status?.availableReplicas === 8,
    )
    await client.patch(
      deployments,
      { namespace, name: 'web' },
      { type: 'merge', body: { spec: { replicas: 30 } } },
    )
    await sizes(20, 13)
  })

  it('are read and changed by their scale', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'web' }
    await client.create(deployments, aDeployment(namespace, 'web', 1))
    await untilRolledOut(scope, 'web', 1)
    const scale = await client.getSubresource<Scale>(deployments, name, 'scale')
    assert.equal(scale.spec?.replicas, 1)
    const { resourceVersion: _, ...metadata } = scale.metadata!
    await client.updateSubresource<Scale>(deployments, name, 'scale', {
      ...scale,
      metadata,
      spec: { replicas: 2 },
    } as Scale)
    assert.equal((await client.get(deployments, name)).spec?.replicas, 2)
    const patch = { type: 'merge', body: { spec: { replicas: 4 } } } as const
    await client.patch(deployments, name, patch, { subresource: 'scale' })
    assert.equal((await client.get(deployments, name)).spec?.replicas, 4)
    await untilRolledOut(scope, 'web', 4)
  })

  it('live from their creation to their deletion as clients write them', async () => {
    const scope = await cluster.scope()
    const { client, api, namespace } = scope
    const name = { namespace, name: 'web' }
    await client.create(deployments, aDeployment(namespace, 'web', 1))
    await untilRolledOut(scope, 'web', 1)
    const body = {
      metadata: { labels: { 'test-deployment': 'patched' } },
      spec: { replicas: 2, template: { spec: { terminationGracePeriodSeconds: 3 } } },
    }
    const patched = await client.patch(deployments, name, { type: 'strategic', body })
    assert.equal(patched.metadata?.generation, 2)
    await untilRolledOut(scope, 'web', 2)
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web/status`
    const status = { readyReplicas: 0, availableReplicas: 0 }
    const headers = { 'content-type': 'application/merge-patch+json' }
    assert.equal((await api('PATCH', path, { headers, body: { status } })).status, 200)
    await untilRolledOut(scope, 'web', 2)
    const fresh = await client.get(deployments, name)
    const condition = {
      type: 'StatusUpdate',
      status: 'True',
      reason: 'Test',
      message: 'Set by a test',
    } as const
    const update = async (read: Deployment): Promise<Deployment> =>
      client.update(
        deployments,
        { ...read, status: { ...read.status!, conditions: [...(read.status?.conditions ?? []), condition] } },
        { subresource: 'status' },
      )
    const updated = await update(fresh)
    assert.ok(updated.status?.conditions?.some(({ type }) => type === 'StatusUpdate'))
    assert.equal((await api('GET', path)).json.metadata.uid, fresh.metadata?.uid)
    await client.deleteCollection(deployments, { namespace, labelSelector: 'test-deployment=patched' })
    await untilGone(client, deployments, name)
  })

  it('leave pods alone that have their labels but not their owner', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await client.create(pods, aPod(namespace, 'web'))
    await client.create(deployments, aDeployment(namespace, 'web', 1))
    await untilRolledOut(scope, 'web', 1)
    assert.equal((await client.list(pods, { namespace })).items.length, 2)
  })
})
