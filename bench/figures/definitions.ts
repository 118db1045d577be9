import { setTimeout as delay } from 'node:timers/promises'
import { configMaps, customResourceDefinitions } from '../../src/api/generated/resources.ts'
import type { CustomResourceDefinition } from '../../src/api/generated/apiextensions.v1.ts'
import type { Client } from '../../src/client/client.ts'
import { isConditionTrue } from '../../src/machinery/conditions.ts'
import type { Resource } from '../../src/machinery/resource.ts'
import { aCustomDefinition } from '../custom-definitions.ts'
import type { Bench } from '../figure.ts'
import { buildCommand, createCluster, type K8tsCluster } from '../k8ts-cluster.ts'
import { median } from '../timing.ts'
import { cpuMs, usageOf } from '../usage.ts'

const count = 500
const creators = 4
/** Until what the start has left behind is collected. */
const settleMs = 25_000
/** What a start leaves for later is done by then. */
const afterwardsMs = 10_000
const runs = 3

/** One start of a cluster that has what it has. */
interface Start {
  readonly readySeconds: number
  /** Processor time of the server until it was ready. */
  readonly cpuSeconds: number
  /** The same until some seconds after. */
  readonly cpuSecondsAfterwards: number
  /** From the start of the process until a list of one kind was there. */
  readonly listedSeconds: number
}

/** What a cluster pays for CustomResourceDefinitions that nobody uses: as the difference from one that has none. */
export async function measureDefinitions(bench: Bench): Promise<void> {
  await buildCommand()
  const [none, many] = [await filledCluster(bench, 0), await filledCluster(bench, count)]
  const starts: { none: Start; many: Start }[] = []
  // In turns: what else the machine does meets both.
  for (let run = 0; run < runs; run++) {
    starts.push({ none: await start(none, configMaps), many: await start(many, aKind) })
  }
  const label = `${count} definitions`
  for (const [name, key] of [
    ['API ready later by', 'readySeconds'],
    ['processor time until ready', 'cpuSeconds'],
    [`processor time until ${afterwardsMs / 1000} s after`, 'cpuSecondsAfterwards'],
    ['a first list of a custom kind later by', 'listedSeconds'],
  ] as const) {
    const differences = starts.map((pair) => pair.many[key] - pair.none[key])
    bench.add({
      name: `${label}: ${name}`,
      value: median(differences),
      unit: 's',
      runs: differences,
      also: [
        { name: 'without', value: median(starts.map((pair) => pair.none[key])), unit: 's' },
        { name: 'with', value: median(starts.map((pair) => pair.many[key])), unit: 's' },
        { name: 'ratio', value: median(starts.map((pair) => pair.many[key] / pair.none[key])), unit: '' },
      ],
    })
  }
  await measureAtRest(bench, label, none, many)
}

const { group, names } = aCustomDefinition(1).spec
const aKind: Resource = { group, version: 'v1', resource: names.plural, kind: names.kind, namespaced: true }

async function filledCluster(bench: Bench, definitions: number): Promise<K8tsCluster> {
  const cluster = await createCluster(bench, { simulatedNodes: 1 })
  const up = await cluster.up()
  await up.saidReady
  const client = await up.client()
  let next = 0
  const creating = Array.from({ length: creators }, async () => {
    while (next < definitions) await client.create(customResourceDefinitions, aCustomDefinition(next++))
  })
  await Promise.all(creating)
  while (!(await areEstablished(client))) await delay(100)
  await up.stop()
  return cluster
}

async function areEstablished(client: Client): Promise<boolean> {
  const { items } = await client.list(customResourceDefinitions)
  return items.every(({ status }: CustomResourceDefinition) =>
    isConditionTrue(status?.conditions, 'Established'),
  )
}

async function start(cluster: K8tsCluster, listed: Resource): Promise<Start> {
  const up = await cluster.up()
  const readySeconds = ((await up.apiReady) - up.startedAt) / 1000
  const cpuSeconds = cpuMs(up.pid) / 1000
  const client = await up.client()
  await client.list(listed)
  const listedSeconds = (performance.now() - up.startedAt) / 1000
  await up.saidReady
  await delay(afterwardsMs)
  const cpuSecondsAfterwards = cpuMs(up.pid) / 1000
  await up.stop()
  return { readySeconds, cpuSeconds, cpuSecondsAfterwards, listedSeconds }
}

async function measureAtRest(
  bench: Bench,
  label: string,
  none: K8tsCluster,
  many: K8tsCluster,
): Promise<void> {
  const [without, with_] = [await atRest(none), await atRest(many)]
  bench.add({
    name: `${label}: memory at rest`,
    value: (with_.bytes - without.bytes) / 1e6,
    unit: 'MB',
    also: [
      { name: 'without', value: without.bytes / 1e6, unit: 'MB' },
      { name: 'with', value: with_.bytes / 1e6, unit: 'MB' },
      { name: 'ratio', value: with_.bytes / without.bytes, unit: '' },
      { name: 'once the document was asked for', value: with_.bytesAfterDocument / 1e6, unit: 'MB' },
    ],
  })
  for (const [index, name] of ['first', 'again, after a definition changed'].entries()) {
    const [plain, full] = [without.documents[index]!, with_.documents[index]!]
    bench.add({
      name: `${label}: /openapi/v2, ${name}`,
      value: full.cpuSeconds,
      unit: 's',
      note: 'Processor time of the server.',
      also: [
        { name: 'without', value: plain.cpuSeconds, unit: 's' },
        { name: 'until it was there', value: full.seconds, unit: 's' },
        { name: 'its length', value: full.bytes / 1e6, unit: 'MB' },
      ],
    })
  }
}

async function atRest(cluster: K8tsCluster) {
  const up = await cluster.up()
  await up.saidReady
  await delay(settleMs)
  const bytes = usageOf([up.pid]).residentBytes
  const client = await up.client()
  const document = async () => {
    const [begin, cpu] = [performance.now(), cpuMs(up.pid)]
    const { length } = await client.raw('/openapi/v2')
    return {
      seconds: (performance.now() - begin) / 1000,
      cpuSeconds: (cpuMs(up.pid) - cpu) / 1000,
      bytes: length,
    }
  }
  const first = await document()
  await client.create(customResourceDefinitions, aCustomDefinition(count))
  while (!(await areEstablished(client))) await delay(100)
  const again = await document()
  await delay(settleMs)
  const bytesAfterDocument = usageOf([up.pid]).residentBytes
  await up.stop()
  return { bytes, documents: [first, again], bytesAfterDocument }
}
