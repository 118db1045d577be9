import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../../src/api/generated/core.v1.ts'
import {
  limitRanges,
  nodes,
  pods,
  priorityClasses,
  replicaSets,
} from '../../../src/api/generated/resources.ts'
import { isForbidden, isInvalid } from '../../../src/machinery/status-errors.ts'
import { aPod, aReplicaSet, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

const unschedulable = ({ status }: Pod) =>
  status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable') ===
  true

const running = ({ status }: Pod) => status?.phase === 'Running'

const untilPod = ({ client, namespace }: Scope, name: string, accept: (pod: Pod) => boolean) =>
  untilObject(client, pods, { namespace, name }, accept)

/** Gives the node something that only these tests ask for. */
async function addDevice({ client, namespace }: Scope, node: string, amount: string): Promise<string> {
  const device = `example.com/${namespace}`
  const status = { capacity: { [device]: amount }, allocatable: { [device]: amount } }
  await client.patch(
    nodes,
    { name: node },
    { type: 'strategic', body: { status } },
    { subresource: 'status' },
  )
  return device
}

function needing(device: string, amount: string, spec: Partial<PodSpec> = {}): Partial<PodSpec> {
  const resources = { requests: { [device]: amount }, limits: { [device]: amount } }
  return { containers: [{ ...server, resources }], ...spec }
}

describe('the scheduler', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('leaves pods that ask for more than any node has', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const device = await addDevice(scope, 'node1', '2')
    await client.create(pods, aPod(namespace, 'fits', needing(device, '2')))
    await untilPod(scope, 'fits', running)
    await client.create(pods, aPod(namespace, 'does-not', needing(device, '1')))
    const left = await untilPod(scope, 'does-not', unschedulable)
    assert.match(left.status?.conditions?.[0]?.message ?? '', new RegExp(`2 Insufficient ${device}`))
  })

  it('obeys a node selector that matches', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const labels = { [`test/${namespace}`]: '42' }
    await client.patch(nodes, { name: 'node2' }, { type: 'merge', body: { metadata: { labels } } })
    await client.create(pods, aPod(namespace, 'one', { nodeSelector: labels }))
    assert.equal((await untilPod(scope, 'one', running)).spec?.nodeName, 'node2')
  })

  it('leaves pods whose node selector matches no node', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await client.create(pods, aPod(namespace, 'one', { nodeSelector: { label: 'nonempty' } }))
    await untilPod(scope, 'one', unschedulable)
  })

  it('takes the unspecified address of a host port for every address', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const on = (hostIP?: string): Partial<PodSpec> => {
      const port = { containerPort: 80, hostPort: 54322, protocol: 'TCP' as const, ...(hostIP && { hostIP }) }
      return {
        nodeSelector: { 'kubernetes.io/hostname': 'node1' },
        containers: [{ ...server, ports: [port] }],
      }
    }
    await client.create(pods, aPod(namespace, 'everywhere', on('0.0.0.0')))
    await untilPod(scope, 'everywhere', running)
    await client.create(pods, aPod(namespace, 'somewhere', on('127.0.0.1')))
    await untilPod(scope, 'somewhere', unschedulable)
  })

  it('lets pods share a host port that differ in address or protocol', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const rows = [
      ['pod1', '127.0.0.1', 'TCP'],
      ['pod2', '127.0.0.2', 'TCP'],
      ['pod3', '127.0.0.2', 'UDP'],
    ] as const
    for (const [name, hostIP, protocol] of rows) {
      const ports = [{ containerPort: 8080, hostPort: 54323, hostIP, protocol }]
      const spec = { nodeSelector: { 'kubernetes.io/hostname': 'node1' }, containers: [{ ...server, ports }] }
      await client.create(pods, aPod(namespace, name, spec))
      await untilPod(scope, name, running)
    }
  })

  it('makes room for pods of a higher priority', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const device = await addDevice(scope, 'node1', '5')
    const [low, high] = [`${namespace}-low`, `${namespace}-high`]
    await client.create(priorityClasses, { metadata: { name: low }, value: 1 })
    await client.create(priorityClasses, { metadata: { name: high }, value: 1000 })
    await client.create(pods, aPod(namespace, 'high', needing(device, '2', { priorityClassName: high })))
    await client.create(pods, aPod(namespace, 'low', needing(device, '3', { priorityClassName: low })))
    for (const name of ['low', 'high']) await untilPod(scope, name, running)
    await client.create(pods, aPod(namespace, 'preemptor', needing(device, '3', { priorityClassName: high })))
    await untilGone(client, pods, { namespace, name: 'low' })
    await untilPod(scope, 'preemptor', running)
    await untilPod(scope, 'high', running)
  })

  it('says of pods for which it makes no room any more that they are disrupted', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const device = await addDevice(scope, 'node1', '1')
    const [low, high] = [`${namespace}-low`, `${namespace}-high`]
    await client.create(priorityClasses, { metadata: { name: low }, value: 1 })
    await client.create(priorityClasses, { metadata: { name: high }, value: 1000 })
    const victim = aPod(namespace, 'victim', needing(device, '1', { priorityClassName: low }))
    const metadata = { ...victim.metadata, finalizers: ['example.com/held'] }
    await client.create(pods, { ...victim, metadata })
    await untilPod(scope, 'victim', running)
    await client.create(pods, aPod(namespace, 'preemptor', needing(device, '1', { priorityClassName: high })))
    const disrupted = await untilPod(scope, 'victim', ({ metadata }) => !!metadata?.deletionTimestamp)
    const told = disrupted.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.deepEqual([told?.status, told?.reason], ['True', 'PreemptionByScheduler'])
    const body = { metadata: { finalizers: null } }
    await client.patch(pods, { namespace, name: 'victim' }, { type: 'merge', body })
    await untilPod(scope, 'preemptor', running)
  })

  it('makes room for critical pods', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const device = await addDevice(scope, 'node1', '1')
    await client.create(pods, aPod(namespace, 'plain', needing(device, '1')))
    await untilPod(scope, 'plain', running)
    const critical = aPod(
      'kube-system',
      namespace,
      needing(device, '1', { priorityClassName: 'system-cluster-critical' }),
    )
    await client.create(pods, critical)
    await untilGone(client, pods, { namespace, name: 'plain' })
    await untilObject(client, pods, { namespace: 'kube-system', name: namespace }, running)
    await client.delete(pods, { namespace: 'kube-system', name: namespace })
  })

  it('preempts what replica sets of lower priorities run', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const device = await addDevice(scope, 'node1', '10')
    const createSet = async (level: number, replicas: number, amount: string) => {
      const priorityClassName = `${namespace}-p${level}`
      await client.create(priorityClasses, { metadata: { name: priorityClassName }, value: level })
      const set = aReplicaSet(namespace, `set${level}`, replicas)
      const spec = { ...set.spec!.template!.spec!, ...needing(device, amount, { priorityClassName }) }
      const template = { ...set.spec!.template!, spec }
      await client.create(replicaSets, { ...set, spec: { ...set.spec!, template } })
      await untilObject(client, replicaSets, { namespace, name: `set${level}` }, ({ status }) => {
        return status?.readyReplicas === replicas
      })
    }
    await createSet(1, 5, '1')
    await createSet(2, 4, '1')
    await createSet(3, 2, '2')
    const names = (items: readonly Pod[], set: string) =>
      items.filter((pod) => pod.metadata?.labels?.['name'] === set && running(pod)).length
    // The last four units are taken from the lowest priority first.
    await untilList(client, pods, { namespace }, (items) => {
      return names(items, 'set3') === 2 && names(items, 'set2') === 4 && names(items, 'set1') === 2
    })
  })
})

describe('priority classes', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are described anew, but keep their value', async () => {
    const { client, namespace: name } = await cluster.scope()
    const made = await client.create(priorityClasses, { metadata: { name }, value: 1, description: 'one' })
    const described = await client.patch(
      priorityClasses,
      { name },
      { type: 'merge', body: { description: 'two' } },
    )
    assert.equal(described.description, 'two')
    await assert.rejects(client.update(priorityClasses, { ...described, value: 2 }), isInvalid)
    await assert.rejects(
      client.patch(
        priorityClasses,
        { name },
        { type: 'json', operations: [{ op: 'replace', path: '/value', value: 2 }] },
      ),
      isInvalid,
    )
    assert.equal((await client.get(priorityClasses, { name })).value, made.value)
  })
})

describe('limit ranges', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('give pods their defaults, and refuse what is out of range', async () => {
    const { client, namespace } = await cluster.scope()
    const of = (cpu: string, memory: string, storage: string) => ({
      cpu,
      memory,
      'ephemeral-storage': storage,
    })
    const limit = {
      type: 'Container',
      min: of('50m', '100Mi', '100Gi'),
      max: of('500m', '500Mi', '500Gi'),
      default: of('500m', '500Mi', '500Gi'),
      defaultRequest: of('100m', '200Mi', '200Gi'),
    } as const
    const range = await client.create(limitRanges, {
      metadata: { namespace, name: 'range' },
      spec: { limits: [limit] },
    })
    assert.partialDeepStrictEqual(range.spec?.limits[0], limit)
    const plain = await client.create(pods, aPod(namespace, 'plain'))
    assert.deepEqual(plain.spec?.containers[0]?.resources, {
      requests: limit.defaultRequest,
      limits: limit.default,
    })

    const withResources = (name: string, resources: object) =>
      client.create(pods, aPod(namespace, name, { containers: [{ ...server, resources }] }))
    const partial = await withResources('partial', {
      requests: { cpu: '100m', memory: '100Mi' },
      limits: { cpu: '300m' },
    })
    assert.deepEqual(partial.spec?.containers[0]?.resources, {
      requests: of('100m', '100Mi', '200Gi'),
      limits: of('300m', '500Mi', '500Gi'),
    })
    await assert.rejects(withResources('small', { requests: of('10m', '50Mi', '50Gi') }), isForbidden)
    await assert.rejects(
      withResources('large', { requests: of('600m', '600Mi', '600Gi') }),
      (error) => isForbidden(error) || isInvalid(error),
    )

    const narrower = { limits: [{ ...limit, min: of('9m', '49Mi', '49Gi') }] }
    await client.update(limitRanges, { ...range, spec: narrower })
    await withResources('now-allowed', { requests: of('10m', '50Mi', '50Gi') })
    await client.delete(limitRanges, { namespace, name: 'range' })
    const free = await client.create(pods, aPod(namespace, 'free'))
    assert.deepEqual(free.spec?.containers[0]?.resources, {})
  })
})
