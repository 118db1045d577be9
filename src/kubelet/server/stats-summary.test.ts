import assert from 'node:assert/strict'
import { statfs } from 'node:fs/promises'
import { test } from 'node:test'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { FilesystemUsage } from '../runtime/runtime.ts'
import { parseNetworkDevices } from './network-stats.ts'
import type { ServerContext } from './server-context.ts'
import { createStatsSummary } from './stats-summary.ts'
import type { VolumeStatsSource } from './volume-stats.ts'

interface Summary {
  readonly node: {
    readonly fs: object
    readonly network: { readonly time: string; readonly interfaces: readonly object[] }
    readonly runtime: { readonly imageFs: object }
  }
}

const noVolumes = { of: async () => [] } as unknown as VolumeStatsSource

async function summaryWith(images: () => Promise<readonly FilesystemUsage[]>): Promise<Summary> {
  const runtime = { containerStats: async () => [], imageFilesystem: images }
  const context = {
    clock: fakeClock(),
    nodeName: 'node-1',
    pods: () => [],
    runtimes: [{ runtime }],
  } as unknown as ServerContext
  return (await createStatsSummary(context, '/', noVolumes)()) as Summary
}

test('the summary tells of the file system of images, where it is another one', async () => {
  const usage = { mountpoint: '/dev', usedBytes: 1234, inodesUsed: 5 }
  const { node } = await summaryWith(async () => [usage])
  const { blocks, bsize, files } = await statfs('/dev')
  const { time, availableBytes, inodesFree, ...rest } = node.runtime.imageFs as Record<string, unknown>
  assert.ok(time !== undefined && availableBytes !== undefined && inodesFree !== undefined)
  assert.deepEqual(rest, { capacityBytes: blocks * bsize, usedBytes: 1234, inodes: files, inodesUsed: 5 })
})

test('the summary tells of the file system of the node where the runtime does not say', async () => {
  for (const images of [async () => [], async () => Promise.reject(new Error('away'))]) {
    const { node } = await summaryWith(images)
    assert.deepEqual(node.runtime.imageFs, node.fs)
  }
})

test('the summary tells what went over the network of the node', async () => {
  const { node } = await summaryWith(async () => [])
  assert.equal(node.network.time, '2026-01-01T00:00:00Z')
  assert.ok(Array.isArray(node.network.interfaces))
})

const packets = (rxPackets: number, txPackets: number) => ({
  rxPackets,
  txPackets,
  rxDropped: 0,
  txDropped: 0,
})

test('parseNetworkDevices leaves out what leads to the node and its pods', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0
  eth0: 1000 10 1 0 0 0 0 0 2000 20 2 0 0 0 0 0
veth12: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
  cni0:3000 30 0 0 0 0 0 0 4000 40 0 0 0 0 0 0
`
  assert.deepEqual(parseNetworkDevices(text), [
    { name: 'eth0', rxBytes: 1000, rxErrors: 1, txBytes: 2000, txErrors: 2, ...packets(10, 20) },
    { name: 'cni0', rxBytes: 3000, rxErrors: 0, txBytes: 4000, txErrors: 0, ...packets(30, 40) },
  ])
})
