import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startCluster } from '../../src/cluster/testing.ts'
import type { Bench } from '../figure.ts'
import { median, repeat } from '../timing.ts'

const startsAndStops = 50

/** `startCluster()` inside a test runner's process. */
export async function measureTesting(bench: Bench): Promise<void> {
  await measureCold(bench)
  await measureWarm(bench, 'warm startCluster()', 0)
  await measureWarm(bench, 'warm startCluster({ nodes: 1 })', 1)
  await measureSideBySide(bench, 8)
  await measureGrowth(bench)
}

async function measureCold(bench: Bench): Promise<void> {
  const program = join(import.meta.dirname, '../processes/cold-start.ts')
  const runs = await repeat(3, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program])
    return JSON.parse(stdout) as { importMs: number; startMs: number }
  })
  const startMs = runs.map((run) => run.startMs)
  bench.add({
    name: 'first startCluster() of a process',
    value: median(startMs),
    unit: 'ms',
    runs: startMs,
    also: [{ name: 'after the import', value: median(runs.map(({ importMs }) => importMs)), unit: 'ms' }],
  })
}

async function measureWarm(bench: Bench, name: string, nodes: number): Promise<void> {
  const run = async () => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    const cluster = await startCluster({ nodes })
    const startMs = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    const stop = performance.now()
    await cluster.stop()
    return { startMs, stopMs: performance.now() - stop, cpuMs: (user + system) / 1000 }
  }
  await repeat(3, run)
  const runs = await repeat(10, run)
  const startMs = runs.map((one) => one.startMs)
  bench.add({
    name,
    value: median(startMs),
    unit: 'ms',
    runs: startMs,
    bar: { most: 300 },
    also: [
      { name: 'CPU', value: median(runs.map(({ cpuMs }) => cpuMs)), unit: 'ms' },
      { name: 'stop', value: median(runs.map(({ stopMs }) => stopMs)), unit: 'ms' },
    ],
  })
}

async function measureSideBySide(bench: Bench, count: number): Promise<void> {
  const start = performance.now()
  const clusters = await Promise.all(Array.from({ length: count }, () => startCluster({ nodes: 1 })))
  bench.add({
    name: `${count} startCluster({ nodes: 1 }) side by side`,
    value: performance.now() - start,
    unit: 'ms',
  })
  await Promise.all(clusters.map((cluster) => cluster.stop()))
}

/** What starts and stops leave behind, once what can be collected has been. */
async function measureGrowth(bench: Bench): Promise<void> {
  const before = await held()
  await repeat(startsAndStops, async () => {
    await using cluster = await startCluster({ nodes: 1 })
    await cluster.client.raw('/readyz')
  })
  const after = await held()
  bench.add({
    name: `growth over ${startsAndStops} starts and stops: memory in use`,
    value: (after.usedBytes - before.usedBytes) / 1e6,
    unit: 'MB',
    bar: { most: 1 },
    also: [{ name: 'resident', value: (after.residentBytes - before.residentBytes) / 1e6, unit: 'MB' }],
  })
  bench.add({
    name: `growth over ${startsAndStops} starts and stops: handles`,
    value: after.handles - before.handles,
    unit: '',
    bar: { most: 0 },
    also: [{ name: 'open files', value: after.files - before.files, unit: '' }],
  })
}

async function held() {
  for (let round = 0; round < 4; round++) {
    await delay(50)
    globalThis.gc?.()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    usedBytes: heapUsed + external,
    residentBytes: rss,
    handles: process.getActiveResourcesInfo().length,
    files: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  }
}
