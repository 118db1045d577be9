import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ResourceQuota, ResourceRequirements, Service } from '../../../src/api/generated/core.v1.ts'
import {
  configMaps,
  pods,
  replicaSets,
  replicationControllers,
  resourceQuotas,
  secrets,
  services,
} from '../../../src/api/generated/resources.ts'
import { isConflict, isForbidden, isInvalid, isNotFound } from '../../../src/machinery/status-errors.ts'
import { aPod, aReplicaSet, aReplicationController, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilList, untilObject } from '../harness/until-object.ts'

type Amounts = Readonly<Record<string, string>>

const hard: Amounts = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  configmaps: '10',
  secrets: '10',
  cpu: '1',
  memory: '500Mi',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  'requests.example.com/dongle': '3',
  'count/replicasets.apps': '5',
}

function createQuota({ client, namespace }: Scope, name: string, amounts: Amounts, scopes?: string[]) {
  const spec = { hard: amounts, ...(scopes && { scopes: scopes as never }) }
  return client.create(resourceQuotas, { metadata: { namespace, name }, spec })
}

/** Resolves once a quota counts these uses, among others. */
function untilUsed({ client, namespace }: Scope, name: string, used: Amounts): Promise<ResourceQuota> {
  return untilObject(client, resourceQuotas, { namespace, name }, ({ status }) =>
    Object.entries(used).every(([key, amount]) => status?.used?.[key] === amount),
  )
}

const needing = (resources: ResourceRequirements) => ({ containers: [{ ...server, resources }] })

const aService = (namespace: string, name: string, type: string): Service => ({
  metadata: { namespace, name },
  spec: { type: type as never, ports: [{ port: 80, targetPort: 80 }] },
})

describe('resource quotas', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('are counted as soon as they are made', async () => {
    const scope = await cluster.scope()
    await createQuota(scope, 'quota', hard)
    const { status } = await untilUsed(scope, 'quota', { resourcequotas: '1', pods: '0' })
    assert.deepEqual(status?.hard, hard)
  })

  it('count services and node ports', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'quota', hard)
    await untilUsed(scope, 'quota', { services: '0', 'services.nodeports': '0' })
    await client.create(services, aService(namespace, 'plain', 'ClusterIP'))
    await client.create(services, aService(namespace, 'ports', 'NodePort'))
    await assert.rejects(client.create(services, aService(namespace, 'more', 'LoadBalancer')), isForbidden)
    await untilUsed(scope, 'quota', { services: '2', 'services.nodeports': '1' })
    for (const name of ['plain', 'ports']) await client.delete(services, { namespace, name })
    await untilUsed(scope, 'quota', { services: '0', 'services.nodeports': '0' })
  })

  it('count secrets', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'quota', { ...hard, secrets: '1' })
    await untilUsed(scope, 'quota', { secrets: '0' })
    await client.create(secrets, { metadata: { namespace, name: 'one' }, stringData: { data: 'value' } })
    await untilUsed(scope, 'quota', { secrets: '1' })
    await client.delete(secrets, { namespace, name: 'one' })
    await untilUsed(scope, 'quota', { secrets: '0' })
  })

  it('count config maps, the published authority among them', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await untilList(client, configMaps, { namespace }, (items) => items.length === 1)
    await createQuota(scope, 'quota', { ...hard, configmaps: '2' })
    await untilUsed(scope, 'quota', { configmaps: '1' })
    await client.create(configMaps, { metadata: { namespace, name: 'one' }, data: { a: 'b' } })
    await untilUsed(scope, 'quota', { configmaps: '2' })
    await client.delete(configMaps, { namespace, name: 'one' })
    await untilUsed(scope, 'quota', { configmaps: '1' })
  })

  it('count what pods ask for, and refuse what is beyond', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'quota', hard)
    await untilUsed(scope, 'quota', { pods: '0' })
    const dongles = { 'example.com/dongle': '2' }
    const requests = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', ...dongles }
    const fits = aPod(namespace, 'fits', needing({ requests, limits: dongles }))
    await client.create(pods, fits)
    const used = {
      pods: '1',
      cpu: '500m',
      memory: '252Mi',
      'ephemeral-storage': '30Gi',
      'requests.example.com/dongle': '2',
    }
    await untilUsed(scope, 'quota', used)
    const tooMuch = needing({ requests: { cpu: '600m', memory: '100Mi' } })
    await assert.rejects(client.create(pods, aPod(namespace, 'too-much', tooMuch)), isForbidden)
    const tooMany = needing({
      requests: { cpu: '500m', memory: '100Mi', 'ephemeral-storage': '30Gi', ...dongles },
      limits: dongles,
    })
    await assert.rejects(client.create(pods, aPod(namespace, 'too-many', tooMany)), isForbidden)

    const made = await client.get(pods, { namespace, name: 'fits' })
    const changed = { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '10Gi' }
    const containers = [{ ...made.spec!.containers[0]!, resources: { requests: changed } }]
    await assert.rejects(
      client.update(pods, { ...made, spec: { ...made.spec!, containers } }),
      (error) => isInvalid(error) || isConflict(error),
    )
    await untilUsed(scope, 'quota', used)
    await client.delete(pods, { namespace, name: 'fits' }, { gracePeriodSeconds: 0 })
    await untilUsed(scope, 'quota', { pods: '0', cpu: '0', memory: '0', 'requests.example.com/dongle': '0' })
  })

  it('count replication controllers', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'quota', hard)
    await untilUsed(scope, 'quota', { replicationcontrollers: '0' })
    await client.create(replicationControllers, aReplicationController(namespace, 'rc', 0))
    await untilUsed(scope, 'quota', { replicationcontrollers: '1' })
    await client.delete(
      replicationControllers,
      { namespace, name: 'rc' },
      { propagationPolicy: 'Foreground' },
    )
    await untilUsed(scope, 'quota', { replicationcontrollers: '0' })
  })

  it('count replica sets by their resource', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'quota', hard)
    await untilUsed(scope, 'quota', { 'count/replicasets.apps': '0' })
    await client.create(replicaSets, aReplicaSet(namespace, 'set', 0))
    await untilUsed(scope, 'quota', { 'count/replicasets.apps': '1' })
    await client.delete(replicaSets, { namespace, name: 'set' })
    await untilUsed(scope, 'quota', { 'count/replicasets.apps': '0' })
  })

  it('of pods that end count only those', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const none = {
      pods: '0',
      'requests.cpu': '0',
      'requests.memory': '0',
      'limits.cpu': '0',
      'limits.memory': '0',
    }
    const amounts = {
      pods: '5',
      'requests.cpu': '1',
      'requests.memory': '500Mi',
      'limits.cpu': '2',
      'limits.memory': '1Gi',
    }
    await createQuota(scope, 'terminating', amounts, ['Terminating'])
    await createQuota(scope, 'lasting', amounts, ['NotTerminating'])
    for (const name of ['terminating', 'lasting']) await untilUsed(scope, name, none)
    const resources = {
      requests: { cpu: '500m', memory: '200Mi' },
      limits: { cpu: '1', memory: '400Mi' },
    }
    const used = {
      pods: '1',
      'requests.cpu': '500m',
      'requests.memory': '200Mi',
      'limits.cpu': '1',
      'limits.memory': '400Mi',
    }
    for (const [quota, other, spec] of [
      ['lasting', 'terminating', {}],
      ['terminating', 'lasting', { activeDeadlineSeconds: 3600 }],
    ] as const) {
      await client.create(pods, aPod(namespace, quota, { ...needing(resources), ...spec }))
      await untilUsed(scope, quota, used)
      await untilUsed(scope, other, none)
      await client.delete(pods, { namespace, name: quota }, { gracePeriodSeconds: 0 })
      await untilUsed(scope, quota, none)
    }
  })

  it('of pods without requests count only those', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await createQuota(scope, 'best-effort', { pods: '5' }, ['BestEffort'])
    await createQuota(scope, 'not-best-effort', { pods: '5' }, ['NotBestEffort'])
    for (const name of ['best-effort', 'not-best-effort']) await untilUsed(scope, name, { pods: '0' })
    const resources = { requests: { cpu: '500m', memory: '200Mi' }, limits: { cpu: '1', memory: '400Mi' } }
    for (const [quota, other, spec] of [
      ['best-effort', 'not-best-effort', {}],
      ['not-best-effort', 'best-effort', needing(resources)],
    ] as const) {
      await client.create(pods, aPod(namespace, quota, spec))
      await untilUsed(scope, quota, { pods: '1' })
      await untilUsed(scope, other, { pods: '0' })
      await client.delete(pods, { namespace, name: quota }, { gracePeriodSeconds: 0 })
      await untilUsed(scope, quota, { pods: '0' })
    }
  })

  it('are updated and deleted', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const made = await createQuota(scope, 'quota', { cpu: '1', memory: '500Mi' })
    assert.deepEqual(made.spec?.hard, { cpu: '1', memory: '500Mi' })
    const fresh = await client.get(resourceQuotas, { namespace, name: 'quota' })
    const updated = await client.update(resourceQuotas, {
      ...fresh,
      spec: { hard: { cpu: '2', memory: '1Gi' } },
    })
    assert.deepEqual(updated.spec?.hard, { cpu: '2', memory: '1Gi' })
    await client.delete(resourceQuotas, { namespace, name: 'quota' })
    await assert.rejects(client.get(resourceQuotas, { namespace, name: 'quota' }), isNotFound)
  })

  it('are listed everywhere, patched, and deleted together', async () => {
    const { client, namespace } = await cluster.scope()
    const labels = { [`${namespace}-quota`]: 'quota' }
    const labelSelector = `${namespace}-quota=quota`
    await client.create(resourceQuotas, {
      metadata: { namespace, name: 'quota', labels },
      spec: { hard: { cpu: '1', memory: '500Mi' } },
    })
    assert.equal((await client.list(resourceQuotas, { labelSelector })).items.length, 1)
    const body = { metadata: { labels: { quota: 'patched' } }, spec: { hard: { memory: '750Mi' } } }
    const patched = await client.patch(
      resourceQuotas,
      { namespace, name: 'quota' },
      { type: 'strategic', body },
    )
    assert.deepEqual(patched.spec?.hard, { cpu: '1', memory: '750Mi' })
    assert.equal(patched.metadata?.labels?.['quota'], 'patched')
    await client.deleteCollection(resourceQuotas, { namespace, labelSelector: 'quota=patched' })
    assert.equal((await client.list(resourceQuotas, { labelSelector })).items.length, 0)
  })

  it('have a status that follows the spec, and is written without changing it', async () => {
    const { client, api, namespace } = await cluster.scope()
    const name = { namespace, name: 'quota' }
    const first = { cpu: '500m', memory: '500Mi' }
    await client.create(resourceQuotas, { metadata: name, spec: { hard: first } })
    const holds = (amounts: Amounts) => (quota: ResourceQuota) =>
      Object.entries(amounts).every(([key, amount]) => quota.status?.hard?.[key] === amount)
    const fresh = await untilObject(client, resourceQuotas, name, holds(first))

    const second = { cpu: '500m', memory: '500Mi', pods: '3' }
    await client.update(resourceQuotas, { ...fresh, status: { hard: second } }, { subresource: 'status' })
    await untilObject(client, resourceQuotas, name, (quota) => {
      return holds(first)(quota) && quota.status?.hard?.['pods'] === undefined
    })
    const third = { cpu: '1', memory: '1Gi' }
    await client.patch(resourceQuotas, name, { type: 'merge', body: { spec: { hard: third } } })
    await untilObject(client, resourceQuotas, name, holds(third))
    const patched = await client.patch(
      resourceQuotas,
      name,
      { type: 'merge', body: { status: { hard: { cpu: '2', memory: '2Gi' } } } },
      { subresource: 'status' },
    )
    assert.deepEqual(patched.status?.hard, { cpu: '2', memory: '2Gi' })
    assert.deepEqual(patched.spec?.hard, third)
    await untilObject(client, resourceQuotas, name, holds(third))
    const read = (await api('GET', `/api/v1/namespaces/${namespace}/resourcequotas/quota/status`)).json
    assert.deepEqual(read.spec.hard, third)
  })
})
