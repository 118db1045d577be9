import { setTimeout as delay } from 'node:timers/promises'
import type { Bench } from '../figure.ts'
import { buildCommand, createCluster } from '../k8ts-cluster.ts'
import { cpuMs, usageOf, withDescendants } from '../usage.ts'

/** Until what the start has left behind is collected. */
const settleMs = 30_000
const idleMs = 20_000

/** A cluster of one node that nobody asks anything: every process of k8ts together, containerd not counted. */
export async function measureRest(bench: Bench): Promise<void> {
  await buildCommand()
  const cluster = await createCluster(bench)
  const up = await cluster.up()
  await up.saidReady
  await delay(settleMs)
  const { pid: server, nodes } = await cluster.status()
  const agents = nodes.map((node) => node.pid).filter((pid) => pid !== undefined)
  const pids = withDescendants([server!, ...agents], process.execPath)
  const [before, serverBefore] = [usageOf(pids), cpuMs(server!)]
  const start = performance.now()
  await delay(idleMs)
  const [after, serverAfter] = [usageOf(pids), cpuMs(server!)]
  const share = (cpu: number) => (cpu / (performance.now() - start)) * 100
  const [all, ofServer] = [share(after.cpuMs - before.cpuMs), share(serverAfter - serverBefore)]
  const [memoryOfServer, memoryOfAgents] = [usageOf([server!]), usageOf(agents)]
  bench.add({
    name: 'memory of all processes',
    value: after.residentBytes / 1e6,
    unit: 'MB',
    bar: { most: 200 },
    kubernetes: 527,
    also: [
      { name: 'server', value: memoryOfServer.residentBytes / 1e6, unit: 'MB' },
      { name: 'node', value: memoryOfAgents.residentBytes / 1e6, unit: 'MB' },
      { name: 'with what they share counted once', value: after.proportionalBytes / 1e6, unit: 'MB' },
    ],
  })
  bench.add({
    name: 'processor time when idle',
    value: all,
    unit: '% of a core',
    bar: { most: 1 },
    kubernetes: 3.5,
    also: [
      { name: 'server', value: ofServer, unit: '% of a core' },
      { name: 'node', value: all - ofServer, unit: '% of a core' },
    ],
  })
  await up.stop()
}
