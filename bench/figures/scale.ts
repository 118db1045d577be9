import { setTimeout as delay } from 'node:timers/promises'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import { deployments, nodes } from '../../src/api/generated/resources.ts'
import type { Client } from '../../src/client/client.ts'
import type { Bench } from '../figure.ts'
import { createCluster } from '../k8ts-cluster.ts'
import { usageOf } from '../usage.ts'

const namespace = 'default'
const podsPerNode = 30
const podsPerDeployment = 1000
const restMs = 45_000
const measuredRestMs = 20_000
const withinMs = 15 * 60_000

/**
 * A cluster of simulated nodes, filled by Deployments and rolled over once. K8TS_BENCH_NODES says how many nodes; how the
 * cost grows shows in several.
 */
export async function measureScale(bench: Bench): Promise<void> {
  for (const count of (process.env['K8TS_BENCH_NODES'] ?? '100,1000').split(',').map(Number))
    await measure(bench, count)
}

async function measure(bench: Bench, nodeCount: number): Promise<void> {
  const podCount = nodeCount * podsPerNode
  const cluster = await createCluster(bench, { simulatedNodes: nodeCount })
  const up = await cluster.up()
  const client = await up.client()
  const of = `${nodeCount.toLocaleString('en')} nodes`
  await until(async () => (await client.list(nodes)).items.filter(isReady).length === nodeCount)
  add(bench, `${of}: all Ready`, performance.now() - up.startedAt, up.pid)

  const names = Array.from({ length: Math.ceil(podCount / podsPerDeployment) }, (_, index) => `app-${index}`)
  const filling = performance.now()
  await Promise.all(
    names.map((name) => client.create(deployments, aDeployment(name, podCount / names.length))),
  )
  await until(() => allAre(client, (deployment) => availableOf(deployment) === sizeOf(deployment)))
  add(bench, `${of}: ${podCount.toLocaleString('en')} pods Running`, performance.now() - filling, up.pid)

  const rolling = performance.now()
  const body = { spec: { template: { spec: { containers: [{ name: 'main', image: 'app:2' }] } } } }
  await Promise.all(
    names.map((name) => client.patch(deployments, { namespace, name }, { type: 'strategic', body })),
  )
  await until(() => allAre(client, isRolledOver))
  add(bench, `${of}: all rolled over`, performance.now() - rolling, up.pid)
  bench.add({
    name: `${of}: changes through the API, p99 at most`,
    value: (await slowestChanges(client)) * 1000,
    unit: 'ms',
    bar: { most: 1000 },
  })

  await delay(restMs)
  const before = usageOf([up.pid])
  await delay(measuredRestMs)
  const after = usageOf([up.pid])
  bench.add({
    name: `${of}: processor time when idle`,
    value: ((after.cpuMs - before.cpuMs) / measuredRestMs) * 100,
    unit: '% of a core',
    also: [{ name: 'memory', value: after.residentBytes / 1e6, unit: 'MB' }],
  })
  await up.stop()
  await cluster.delete()
}

function add(bench: Bench, name: string, ms: number, pid: number): void {
  const { residentBytes, cpuMs } = usageOf([pid])
  bench.add({
    name,
    value: ms / 1000,
    unit: 's',
    also: [
      { name: 'memory', value: residentBytes / 1e6, unit: 'MB' },
      { name: 'CPU so far', value: cpuMs / 1000, unit: 's' },
    ],
  })
}

function isReady({ status }: { readonly status?: { readonly conditions?: readonly object[] } }): boolean {
  const conditions = (status?.conditions ?? []) as readonly {
    readonly type: string
    readonly status: string
  }[]
  return conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True')
}

function sizeOf({ spec }: Deployment): number {
  return spec?.replicas ?? 0
}

function availableOf({ status }: Deployment): number {
  return status?.availableReplicas ?? 0
}

function isRolledOver(deployment: Deployment): boolean {
  const { metadata, status } = deployment
  const size = sizeOf(deployment)
  return (
    status?.observedGeneration === metadata?.generation &&
    status?.updatedReplicas === size &&
    status.replicas === size &&
    availableOf(deployment) === size
  )
}

async function allAre(client: Client, is: (deployment: Deployment) => boolean): Promise<boolean> {
  return (await client.list(deployments, { namespace })).items.every(is)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not there after ${withinMs / 60_000} minutes`)
    await delay(200)
  }
}

/** Seconds: the upper bound of the bucket that holds the 99th percentile of all changes that were asked for over HTTP. */
async function slowestChanges(client: Client): Promise<number> {
  const buckets = new Map<number, number>()
  const line = /^apiserver_request_duration_seconds_bucket\{(.*)\} (\d+)$/gm
  for (const [, labels = '', count] of (await client.raw('/metrics')).matchAll(line)) {
    if (!/verb="(POST|PUT|PATCH|DELETE|APPLY)"/.test(labels)) continue
    const bound = /le="([^"]*)"/.exec(labels)?.[1]
    const seconds = bound === '+Inf' ? Infinity : Number(bound)
    buckets.set(seconds, (buckets.get(seconds) ?? 0) + Number(count))
  }
  const total = buckets.get(Infinity) ?? 0
  return [...buckets].toSorted(([a], [b]) => a - b).find(([, count]) => count >= total * 0.99)?.[0] ?? 0
}

function aDeployment(name: string, replicas: number): Deployment {
  return {
    metadata: { namespace, name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'app:1' }] },
      },
    },
  }
}
