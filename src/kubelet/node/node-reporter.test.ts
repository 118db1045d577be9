import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { createMemoryClient } from '../../client/testing/memory-client.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import type { NodePressure } from '../eviction/threshold.ts'
import type { Machine } from './machine.ts'
import { createNodeReporter } from './node-reporter.ts'

const machine: Machine = {
  architecture: 'amd64',
  bootID: 'boot',
  cpus: 2,
  ephemeralStorageBytes: 1 << 30,
  hasAppArmor: false,
  hugepages: {},
  kernelVersion: '6',
  machineID: 'machine',
  memoryBytes: 1 << 30,
  osImage: 'Linux',
  swapBytes: 0,
  systemUUID: 'system',
}

async function aReporter() {
  const clock = fakeClock()
  const told: string[] = []
  const pressures = new Set<NodePressure>()
  let cached: Node | undefined
  const client = createMemoryClient(clock)
  const runtime = createSimulatedRuntime({ clock })
  const reporter = createNodeReporter({
    client,
    clock,
    log: silentLogger,
    recorder: { event: (_about, type, reason, message) => void told.push(`${type} ${reason}: ${message}`) },
    runtime,
    version: await runtime.version(),
    monitor: {
      status: undefined,
      runtimeProblem: undefined,
      networkProblem: undefined,
      check: async () => {},
      networkReady: async () => {},
      stop() {},
    },
    description: {
      name: 'node1',
      addresses: ['10.0.0.1'],
      labels: {},
      taints: [],
      maxPods: 110,
      port: 10_250,
      reserved: { milliCPU: 0, memoryBytes: 0 },
      machine,
    },
    problems: () => [],
    volumesInUse: () => [],
    pressures: () => pressures,
    devices: () => ({ 'example.com/widget': { capacity: 3, allocatable: 2 } }),
    cached: () => cached,
  })
  await reporter.registered
  const nextReport = async () => {
    cached = await client.get(nodes, { name: 'node1' })
    await clock.advance(10_000)
    return (await client.get(nodes, { name: 'node1' })).status!
  }
  return { client, reporter, nextReport, told, pressures }
}

test('createNodeReporter keeps the resources that others declare, lets pods have all of them, and writes them once', async () => {
  const { client, reporter, nextReport } = await aReporter()
  const declare = (capacity: Readonly<Record<string, string | null>>) =>
    client.patch(
      nodes,
      { name: 'node1' },
      { type: 'merge', body: { status: { capacity, allocatable: { 'example.com/gone': '1' } } } },
      { subresource: 'status' },
    )
  await nextReport()

  await declare({ 'example.com/foo': '5' })
  const { capacity, allocatable } = await nextReport()
  assert.deepEqual([capacity!['example.com/foo'], allocatable!['example.com/foo']], ['5', '5'])
  assert.deepEqual([capacity!['example.com/widget'], allocatable!['example.com/widget']], ['3', '2'])
  assert.equal(allocatable!['example.com/gone'], undefined)
  assert.equal(capacity!['cpu'], '2')

  const { metadata } = await client.get(nodes, { name: 'node1' })
  await nextReport()
  assert.equal(
    (await client.get(nodes, { name: 'node1' })).metadata!.resourceVersion,
    metadata!.resourceVersion,
  )

  await declare({ 'example.com/foo': null })
  assert.equal((await nextReport()).allocatable!['example.com/foo'], undefined)
  await reporter.stop()
})

test('createNodeReporter tells in events what changes about the node', async () => {
  const { client, reporter, nextReport, told, pressures } = await aReporter()
  const toldNext = async () => {
    told.length = 0
    await nextReport()
    return told.map((text) => text.replace('Node node1 status is now: ', ''))
  }
  await nextReport()
  assert.deepEqual(told, [
    'Normal Starting: Starting kubelet.',
    'Normal NodeHasSufficientMemory: Node node1 status is now: NodeHasSufficientMemory',
    'Normal NodeHasNoDiskPressure: Node node1 status is now: NodeHasNoDiskPressure',
    'Normal NodeHasSufficientPID: Node node1 status is now: NodeHasSufficientPID',
    'Normal NodeReady: Node node1 status is now: NodeReady',
  ])
  assert.deepEqual(await toldNext(), [])

  const cordon = (unschedulable: boolean) =>
    client.patch(nodes, { name: 'node1' }, { type: 'merge', body: { spec: { unschedulable } } })
  await cordon(true)
  pressures.add('DiskPressure')
  assert.deepEqual(await toldNext(), [
    'Normal NodeHasDiskPressure: NodeHasDiskPressure',
    'Normal NodeNotSchedulable: NodeNotSchedulable',
  ])
  await cordon(false)
  pressures.clear()
  assert.deepEqual(await toldNext(), [
    'Normal NodeHasNoDiskPressure: NodeHasNoDiskPressure',
    'Normal NodeSchedulable: NodeSchedulable',
  ])

  await client.patch(
    nodes,
    { name: 'node1' },
    { type: 'merge', body: { status: { nodeInfo: { bootID: 'earlier' } } } },
    { subresource: 'status' },
  )
  assert.deepEqual(await toldNext(), ['Warning Rebooted: Node node1 has been rebooted, boot id: boot'])
  assert.deepEqual(await toldNext(), [])
  await reporter.stop()
})
