import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../../src/api/generated/core.v1.ts'
import { configMaps, nodes, pods, runtimeClasses, secrets } from '../../../src/api/generated/resources.ts'
import { isForbidden, isInvalid, isNotFound } from '../../../src/machinery/status-errors.ts'
import { aPod, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

const running = ({ status }: Pod) => status?.phase === 'Running'

const run = async ({ client, namespace }: Scope, name: string, spec: Partial<PodSpec> = {}) => {
  await client.create(pods, aPod(namespace, name, spec))
  return untilObject(client, pods, { namespace, name }, running)
}

describe('pods', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('are submitted, found, told of and removed with grace', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope, 'one', { terminationGracePeriodSeconds: 30 })
    const name = { namespace, name: 'one' }
    assert.equal((await client.list(pods, { namespace, labelSelector: 'name=one' })).items.length, 1)
    const ending = (await client.delete(pods, name, { gracePeriodSeconds: 30 })) as Pod
    assert.equal(ending.metadata?.deletionGracePeriodSeconds, 30)
    await untilGone(client, pods, name)
  })

  it('change their labels', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope, 'one')
    const patch = { type: 'merge', body: { metadata: { labels: { time: 'updated' } } } } as const
    await client.patch(pods, { namespace, name: 'one' }, patch)
    const { items } = await client.list(pods, { namespace, labelSelector: 'time=updated' })
    assert.equal(items.length, 1)
  })

  it('end at the deadline that they are given while they run', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope, 'one')
    const patch = { type: 'merge', body: { spec: { activeDeadlineSeconds: 1 } } } as const
    await client.patch(pods, { namespace, name: 'one' }, patch)
    const ended = await untilObject(client, pods, { namespace, name: 'one' }, ({ status }) => {
      return status?.phase === 'Failed'
    })
    assert.equal(ended.status?.reason, 'DeadlineExceeded')
  })

  it('have the address of their node', async () => {
    const pod = await run(await cluster.scope(), 'one')
    assert.match(pod.status?.hostIP ?? '', /^\d+\.\d+\.\d+\.\d+$/)
    assert.deepEqual(pod.status?.hostIPs, [{ ip: pod.status?.hostIP }])
  })

  it('are deleted together', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    for (const name of ['one', 'two', 'three']) {
      const pod = aPod(namespace, name)
      await client.create(pods, { ...pod, metadata: { ...pod.metadata, labels: { type: 'Testing' } } })
    }
    assert.equal((await client.list(pods, { namespace, labelSelector: 'type=Testing' })).items.length, 3)
    await client.deleteCollection(pods, { namespace, labelSelector: 'type=Testing', gracePeriodSeconds: 1 })
    await untilList(client, pods, { namespace, labelSelector: 'type=Testing' }, (items) => items.length === 0)
  })

  it('take a patch of their status', async () => {
    const scope = await cluster.scope()
    const { client, api, namespace } = scope
    await run(scope, 'one')
    const body = { status: { message: 'Patched by a test', reason: 'Test' } }
    const patch = { type: 'merge', body } as const
    const { status } = await client.patch(pods, { namespace, name: 'one' }, patch, { subresource: 'status' })
    assert.deepEqual([status?.message, status?.reason], ['Patched by a test', 'Test'])
    const read = (await api('GET', `/api/v1/namespaces/${namespace}/pods/one/status`)).json
    assert.equal(read.status.phase, 'Running')
  })

  it('live from their creation to their deletion as clients write them', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'one' }
    await run(scope, 'one', { terminationGracePeriodSeconds: 1 })
    const body = {
      metadata: { labels: { 'test-pod': 'patched' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ ...server, image: 'server:2' }] },
    }
    const patched = await client.patch(pods, name, { type: 'strategic', body })
    assert.equal(patched.spec?.containers[0]?.image, 'server:2')
    await untilObject(client, pods, name, ({ status }) => {
      return (
        status?.containerStatuses?.[0]?.image?.endsWith('server:2') === true && status.phase === 'Running'
      )
    })
    const tell = async (): Promise<Pod> => {
      const read = await client.get(pods, name)
      const conditions = read.status!.conditions!.map((condition) =>
        condition.type === 'Ready' ? { ...condition, status: 'False' as const } : condition,
      )
      return client.update(
        pods,
        { ...read, status: { ...read.status, conditions } },
        { subresource: 'status' },
      )
    }
    const told = await tell()
    assert.equal(told.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'False')
    await client.deleteCollection(pods, {
      namespace,
      labelSelector: 'test-pod=patched',
      gracePeriodSeconds: 0,
    })
    await untilGone(client, pods, name)
  })

  it('are of the class that their requests and limits say', async () => {
    const { client, namespace } = await cluster.scope()
    const amounts = { cpu: '100m', memory: '100Mi' }
    const rows = [
      ['guaranteed', { requests: amounts, limits: amounts }, 'Guaranteed'],
      ['burstable', { requests: amounts }, 'Burstable'],
      ['best-effort', {}, 'BestEffort'],
    ] as const
    for (const [name, resources, expected] of rows) {
      const pod = await client.create(pods, aPod(namespace, name, { containers: [{ ...server, resources }] }))
      assert.equal(pod.status?.qosClass, expected)
    }
  })

  it('are refused with sysctls that cannot be', async () => {
    const { client, namespace } = await cluster.scope()
    const sysctls = ['foo-', 'kernel.shmmax', 'bar..', 'safe'].map((name) => ({ name, value: '1' }))
    await assert.rejects(
      client.create(pods, aPod(namespace, 'one', { securityContext: { sysctls } })),
      (error) => isInvalid(error) && /foo-/.test(String(error)) && /bar\.\./.test(String(error)),
    )
  })

  it('are changed, listed and deleted when they have volumes of a driver', async () => {
    const { client, namespace } = await cluster.scope()
    const csi = { driver: 'e2e.example.com', volumeAttributes: { a: 'b' } }
    const spec = { schedulerName: 'nobody', volumes: [{ name: 'data', csi }] }
    await client.create(pods, aPod(namespace, 'one', spec))
    const patch = { type: 'merge', body: { metadata: { labels: { patched: 'true' } } } } as const
    const patched = await client.patch(pods, { namespace, name: 'one' }, patch)
    assert.deepEqual(patched.spec?.volumes?.[0]?.csi, csi)
    assert.equal((await client.list(pods, { labelSelector: 'patched=true', namespace })).items.length, 1)
    await client.delete(pods, { namespace, name: 'one' })
    await untilGone(client, pods, { namespace, name: 'one' })
  })
})

describe('runtime classes', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })
  const requesting = ({ client, namespace }: Scope, runtimeClassName: string) =>
    client.create(pods, aPod(namespace, 'one', { runtimeClassName }))

  it('that are not there, or no longer, make pods be refused', async () => {
    const scope = await cluster.scope()
    const { client, namespace: name } = scope
    await assert.rejects(requesting(scope, name), isForbidden)
    await client.create(runtimeClasses, { metadata: { name }, handler: 'runc' })
    await client.delete(runtimeClasses, { name })
    await untilGone(client, runtimeClasses, { name })
    await assert.rejects(requesting(scope, name), isForbidden)
  })

  it('give pods their overhead, which the scheduler counts', async () => {
    const scope = await cluster.scope()
    const { client, namespace: name } = scope
    const podFixed = { cpu: '10m', memory: '1Mi' }
    await client.create(runtimeClasses, { metadata: { name }, handler: 'runc', overhead: { podFixed } })
    const pod = await requesting(scope, name)
    assert.deepEqual(pod.spec?.overhead, podFixed)
    await untilObject(
      client,
      pods,
      { namespace: name, name: 'one' },
      ({ spec }) => spec?.nodeName !== undefined,
    )
  })

  it('without an overhead give none', async () => {
    const scope = await cluster.scope()
    const { client, namespace: name } = scope
    await client.create(runtimeClasses, { metadata: { name }, handler: 'runc' })
    const pod = await requesting(scope, name)
    assert.equal(pod.spec?.overhead, undefined)
    await untilObject(
      client,
      pods,
      { namespace: name, name: 'one' },
      ({ spec }) => spec?.nodeName !== undefined,
    )
  })
})

describe('config maps and secrets', { concurrency: true }, () => {
  const cluster = sharedCluster()
  for (const resource of [configMaps, secrets]) {
    it(`refuse an empty key: ${resource.resource}`, async () => {
      const { client, namespace } = await cluster.scope()
      await assert.rejects(
        client.create(resource, { metadata: { namespace, name: 'one' }, data: { '': 'dmFsdWU=' } }),
        isInvalid,
      )
    })

    it(`stay as they are once they are immutable: ${resource.resource}`, async () => {
      const { client, namespace } = await cluster.scope()
      const name = { namespace, name: 'one' }
      const patch = (body: object) => client.patch(resource, name, { type: 'merge', body })
      await client.create(resource, { metadata: name, data: { a: 'dmFsdWU=' } })
      await patch({ data: { a: 'dmFsdWUx' } })
      await patch({ immutable: true })
      await assert.rejects(patch({ data: { a: 'dmFsdWUy' } }), isInvalid)
      await assert.rejects(patch({ immutable: false }), isInvalid)
      await patch({ metadata: { labels: { a: 'b' } } })
      await client.delete(resource, name)
      await assert.rejects(client.get(resource, name), isNotFound)
    })
  }
})

describe('taints that evict', { concurrency: false }, () => {
  const cluster = sharedCluster({ nodes: 1 })
  const key = 'kubernetes.io/e2e-evict-taint-key'
  const taint = ({ client }: Scope, taints: object[]) =>
    client.patch(nodes, { name: 'node1' }, { type: 'merge', body: { spec: { taints } } })
  const noExecute = { key, value: 'evictTaintVal', effect: 'NoExecute' }
  const tolerating = (tolerationSeconds: number): Partial<PodSpec> => ({
    tolerations: [{ key, operator: 'Equal', value: 'evictTaintVal', effect: 'NoExecute', tolerationSeconds }],
  })

  it('evict each pod when its toleration ends', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope, 'short', tolerating(1))
    await run(scope, 'long', tolerating(3600))
    await run(scope, 'none')
    await taint(scope, [noExecute])
    for (const name of ['none', 'short']) await untilGone(client, pods, { namespace, name })
    const long = await client.get(pods, { namespace, name: 'long' })
    assert.equal(long.metadata?.deletionTimestamp, undefined)
    await taint(scope, [])
  })

  it('evict nothing when they are taken away in time', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope, 'stays', tolerating(1))
    await taint(scope, [noExecute])
    await taint(scope, [])
    // What ends after as long marks the time at which it would have gone.
    await client.create(pods, aPod(namespace, 'mark', { activeDeadlineSeconds: 2 }))
    await untilObject(client, pods, { namespace, name: 'mark' }, ({ status }) => status?.phase === 'Failed')
    const stays = await client.get(pods, { namespace, name: 'stays' })
    assert.equal(stays.metadata?.deletionTimestamp, undefined)
  })
})
