import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { directoryUsage, type VolumeUsage } from '../volumes/volume-usage.ts'
import type { ServerContext } from './server-context.ts'
import { createVolumeStats } from './volume-stats.ts'

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: '1' },
  spec: {
    containers: [],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'own', ephemeral: {} },
      { name: 'host', hostPath: { path: '/' } },
    ],
  },
}

async function aWorld(test: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'volume-'))
  test.after(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'file'), Buffer.alloc(100_000))
  const clock = fakeClock()
  let used = 10
  const measures: Readonly<Record<string, () => Promise<VolumeUsage | undefined>>> = {
    scratch: () => directoryUsage(directory),
    data: () => Promise.resolve({ capacityBytes: 100, usedBytes: used, inodesUsed: 3 }),
    own: () => Promise.reject(new Error('the driver is gone')),
  }
  const volumes = new Map(
    ['scratch', 'data', 'own', 'host'].map((name) => {
      const measure = measures[name]
      return [name, { hostPath: '/', readOnly: false, ...(measure && { measure }) }] as const
    }),
  )
  const context = {
    clock,
    log: silentLogger,
    pods: () => [pod, { ...pod, metadata: { ...pod.metadata, uid: '2' } }],
    servicesOf: () => ({ volumes: { volumesOf: () => volumes } }),
  } as unknown as ServerContext
  return { clock, stats: createVolumeStats(context), use: (bytes: number) => void (used = bytes) }
}

describe('createVolumeStats', () => {
  it('tells of each volume that can be measured, and of the claim behind it', async (test) => {
    const { stats } = await aWorld(test)
    const [scratch, data, ...rest] = await stats.of(pod)
    assert.equal(scratch?.name, 'scratch')
    assert.equal(scratch.inodesUsed, 2)
    assert.ok(scratch.usedBytes! >= 100_000 && scratch.usedBytes! < scratch.capacityBytes!)
    assert.deepEqual(data, {
      time: '2026-01-01T00:00:00Z',
      capacityBytes: 100,
      usedBytes: 10,
      inodesUsed: 3,
      name: 'data',
      pvcRef: { name: 'claim', namespace: 'default' },
    })
    assert.deepEqual(rest, [])
  })

  it('looks again after a minute', async (test) => {
    const { stats, clock, use } = await aWorld(test)
    const usedNow = async () => (await stats.of(pod)).find(({ name }) => name === 'data')?.usedBytes
    assert.equal(await usedNow(), 10)
    use(20)
    assert.equal(await usedNow(), 10)
    await clock.advance(60_000)
    assert.equal(await usedNow(), 20)
  })

  it('counts each claim once, though two pods use it', async (test) => {
    const { stats } = await aWorld(test)
    const lines = (await stats.metrics()).split('\n').filter((line) => !line.startsWith('#') && line !== '')
    const labels = '{namespace="default",persistentvolumeclaim="claim"}'
    assert.deepEqual(lines, [
      `kubelet_volume_stats_capacity_bytes${labels} 100`,
      `kubelet_volume_stats_used_bytes${labels} 10`,
      `kubelet_volume_stats_inodes_used${labels} 3`,
    ])
  })
})
