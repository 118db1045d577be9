import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../api/generated/core.v1.ts'
import { events, pods } from '../../api/generated/resources.ts'
import { testContext } from '../../client/testing/test-context.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import { startKubelet } from '../start-kubelet.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'

const twoCPUs = {
  cpus: 2,
  memoryBytes: 4 * 2 ** 30,
  swapBytes: 0,
  ephemeralStorageBytes: 2 ** 30,
}

async function startWorld() {
  const context = testContext()
  const { clock, client } = context
  const runtime = createSimulatedRuntime({ clock })
  const { inspectMachine } = await import('../node/machine.ts')
  const machine = { ...(await inspectMachine('/')), ...twoCPUs }
  const kubelet = await startKubelet(context, {
    nodeName: 'node-1',
    nodeIPs: ['192.0.2.1'],
    machine,
    runtime: { type: 'given', runtime },
  })
  await kubelet.ready
  return {
    clock,
    runtime,
    get: (name: string) => client.get(pods, { namespace: 'default', name }),
    async create(name: string, spec: Partial<PodSpec>) {
      await client.create(pods, aPod(name, spec))
      await clock.advance(2000)
    },
    async patch(name: string, spec: object) {
      await client.patch(pods, { namespace: 'default', name }, { type: 'merge', body: { spec } })
      await clock.advance(2000)
    },
    async remove(name: string) {
      await client.delete(pods, { namespace: 'default', name })
      await clock.advance(10_000)
    },
    async eventsOf(name: string) {
      const { items } = await client.list(events)
      return items
        .filter(({ involvedObject, reason }) => involvedObject.name === name && reason?.startsWith('Resize'))
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`)
    },
    async stop() {
      await kubelet.stop()
      await context.informers.stop()
    },
  }
}

const cpu = (amount: string): ResourceRequirements => ({ requests: { cpu: amount } })
const asking = (amount: string, more: Partial<Container> = {}) => ({
  containers: [aContainer('app', { resources: cpu(amount), ...more })],
})
const condition = ({ status }: Pod, type: string) => {
  const found = status?.conditions?.find((condition) => condition.type === type)
  return found && [found.status, found.reason, found.message]
}
const given = ({ status }: Pod) => {
  const { resources, allocatedResources, restartCount } = status?.containerStatuses?.[0] ?? {}
  return [resources?.requests?.cpu, allocatedResources?.cpu, restartCount]
}

describe('a resize of a pod', () => {
  it('waits while there is no room beside other pods, and keeps what it has, also over a restart', async () => {
    const world = await startWorld()
    await world.create('other', asking('1'))
    await world.create('app', asking('500m'))
    await world.patch('app', asking('1500m'))
    const words = "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"
    let pod = await world.get('app')
    assert.deepEqual(condition(pod, 'PodResizePending'), ['True', 'Deferred', words])
    assert.equal(condition(pod, 'PodResizeInProgress'), undefined)
    assert.deepEqual(given(pod), ['500m', '500m', 0])

    const [container] = await world.runtime.listContainers({ podUID: pod.metadata?.uid ?? '' })
    await world.runtime.stopContainer(container!.id, 0)
    await world.clock.advance(20_000)
    pod = await world.get('app')
    assert.deepEqual(given(pod), ['500m', '500m', 1])
    assert.deepEqual(condition(pod, 'PodResizePending'), ['True', 'Deferred', words])

    await world.remove('other')
    pod = await world.get('app')
    assert.deepEqual(given(pod), ['1500m', '1500m', 1])
    assert.equal(condition(pod, 'PodResizePending'), undefined)
    assert.equal(condition(pod, 'PodResizeInProgress'), undefined)
    const told = (amount: string) =>
      `{"containers":[{"name":"app","resources":{"requests":{"cpu":"${amount}"}}}],"generation":2`
    assert.deepEqual(await world.eventsOf('app'), [
      `Warning ResizeDeferred: Pod resize Deferred: ${told('1500m')},"error":"${words}"}`,
      `Normal ResizeStarted: Pod resize started: ${told('1500m')}}`,
      `Normal ResizeCompleted: Pod resize completed: ${told('1500m')}}`,
    ])
    await world.stop()
  })

  it('is refused when the node could never give what it asks for', async () => {
    const world = await startWorld()
    await world.create('app', asking('500m'))
    await world.patch('app', asking('3'))
    const pod = await world.get('app')
    assert.deepEqual(condition(pod, 'PodResizePending'), [
      'True',
      'Infeasible',
      "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
    ])
    assert.deepEqual(given(pod), ['500m', '500m', 0])
    await world.stop()
  })

  it('gives the pod as a whole what it asks for', async () => {
    const world = await startWorld()
    await world.create('app', { resources: cpu('500m') })
    assert.deepEqual((await world.get('app')).status?.resources, cpu('500m'))
    await world.patch('app', { resources: cpu('1') })
    const pod = await world.get('app')
    assert.deepEqual(pod.status?.resources, cpu('1'))
    assert.deepEqual(pod.status?.allocatedResources, { cpu: '1' })
    assert.equal(condition(pod, 'PodResizeInProgress'), undefined)
    await world.patch('app', { resources: cpu('5') })
    assert.equal(condition(await world.get('app'), 'PodResizePending')?.[1], 'Infeasible')
    assert.deepEqual((await world.get('app')).status?.resources, cpu('1'))
    await world.stop()
  })

  it('tells why less memory than is in use cannot be had', async () => {
    const world = await startWorld()
    const memory = (amount: string) => ({
      containers: [
        aContainer('app', { resources: { limits: { memory: amount }, requests: { memory: '1' } } }),
      ],
    })
    await world.create('app', memory('2Gi'))
    await world.patch('app', memory('1'))
    const pod = await world.get('app')
    const told = condition(pod, 'PodResizeInProgress')
    assert.deepEqual(told?.slice(0, 2), ['True', 'Error'])
    assert.match(
      told?.[2] ?? '',
      /^attempting to set container "app" memory limit \(1\) below current usage \(\d+\)$/,
    )
    assert.equal(pod.status?.containerStatuses?.[0]?.resources?.limits?.memory, '2Gi')
    await world.patch('app', memory('3Gi'))
    assert.equal(condition(await world.get('app'), 'PodResizeInProgress'), undefined)
    await world.stop()
  })
})
