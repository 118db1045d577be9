import { setTimeout as delay } from 'node:timers/promises'
import { pods } from '../../src/api/generated/resources.ts'
import type { Bench } from '../figure.ts'
import { follow } from '../follow.ts'
import { buildCommand, createCluster } from '../k8ts-cluster.ts'
import { aPod, createWhenAllowed, isRunning, namespace } from '../pods.ts'
import { usageOf } from '../usage.ts'

const podCount = 100
/** Until what the start of the pods has left behind is collected. */
const settleMs = 30_000
const restMs = 20_000

/** What a node costs its agent that has as many pods as a node usually may have: to start them, and at rest with them. */
export async function measureFullNode(bench: Bench): Promise<void> {
  await buildCommand()
  const cluster = await createCluster(bench)
  const up = await cluster.up()
  await up.saidReady
  const client = await up.client()
  const { nodes } = await cluster.status()
  const agents = nodes.map(({ pid }) => pid).filter((pid) => pid !== undefined)
  const followed = await follow(client, pods, namespace)
  const names = Array.from({ length: podCount }, (_, index) => `full-${index}`)
  await createWhenAllowed(client, aPod('first'))
  await followed.until('the first Running', (all) => isRunning(all.get('first')))
  const empty = usageOf(agents)

  const start = performance.now()
  await Promise.all(names.map((name) => client.create(pods, aPod(name))))
  const running = await followed.until('all Running', (all) =>
    names.every((name) => isRunning(all.get(name))),
  )
  bench.add({
    name: `${podCount} pods on one node: until the last is Running`,
    value: (running - start) / 1000,
    unit: 's',
    also: [
      { name: "CPU of the node's agent", value: (usageOf(agents).cpuMs - empty.cpuMs) / 1000, unit: 's' },
    ],
  })

  await delay(settleMs)
  const before = usageOf(agents)
  const restStart = performance.now()
  await delay(restMs)
  const after = usageOf(agents)
  bench.add({
    name: `${podCount} pods on one node at rest: processor time of its agent`,
    value: ((after.cpuMs - before.cpuMs) / (performance.now() - restStart)) * 100,
    unit: '% of a core',
    also: [
      { name: 'memory', value: after.residentBytes / 1e6, unit: 'MB' },
      { name: 'with one pod', value: empty.residentBytes / 1e6, unit: 'MB' },
    ],
  })
  followed.stop()
  await up.stop()
}
