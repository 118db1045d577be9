import type { Event, Pod } from '../../api/generated/core.v1.ts'
import {
  cronJobs,
  daemonSets,
  deployments,
  endpointSlices,
  jobs,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  statefulSets,
} from '../../api/generated/resources.ts'
import { builtInDefinitions } from '../../api/registry.ts'
import type { Client } from '../../client/client.ts'
import { keyOf } from '../../machinery/resource.ts'
import { parseTime } from '../../machinery/time.ts'
import type { Simulation } from './simulation.ts'
import { appOf, keptHistory, namespace } from './workloads.ts'

/** What is not as the objects declare it. */
export async function differences(client: Client, nodeCount: number): Promise<string[]> {
  const found: string[] = []
  const expect = (what: string, is: unknown, should: unknown) => {
    const [a, b] = [JSON.stringify(is), JSON.stringify(should)]
    if (a !== b) found.push(`${what} is ${a} and should be ${b}`)
  }
  const all = (await client.list(pods, { namespace })).items
  const of = (app: string) => all.filter((pod) => appOf(pod) === app)
  const images = (app: string) => of(app).map(({ spec }) => spec?.containers[0]?.image)
  for (const pod of all) {
    if (pod.metadata?.deletionTimestamp) found.push(`pod ${pod.metadata.name} is still being deleted`)
    const owner = pod.metadata?.ownerReferences?.[0]?.name
    if (!owner) found.push(`pod ${pod.metadata?.name} belongs to nobody`)
  }
  for (const { metadata, spec, status } of (await client.list(deployments, { namespace })).items) {
    const [name = '', replicas = 0] = [metadata?.name, spec?.replicas]
    expect(`deployment ${name}: observedGeneration`, status?.observedGeneration, metadata?.generation)
    for (const field of ['replicas', 'updatedReplicas', 'availableReplicas'] as const)
      expect(`deployment ${name}: ${field}`, status?.[field] ?? 0, replicas)
    expect(`deployment ${name}: images`, images(name), Array(replicas).fill(imageOf(spec)))
  }
  for (const { metadata, spec, status } of (await client.list(statefulSets, { namespace })).items) {
    const [name = '', replicas = 0] = [metadata?.name, spec?.replicas]
    const names = Array.from({ length: replicas }, (_, ordinal) => `${name}-${ordinal}`)
    expect(
      `stateful set ${name}: pods`,
      of(name)
        .map((pod) => pod.metadata?.name ?? '')
        .toSorted(),
      names,
    )
    expect(`stateful set ${name}: readyReplicas`, status?.readyReplicas ?? 0, replicas)
    expect(`stateful set ${name}: images`, images(name), Array(replicas).fill(imageOf(spec)))
  }
  expect('nodes', (await client.list(nodes)).items.length, nodeCount)
  for (const { metadata, spec, status } of (await client.list(daemonSets, { namespace })).items) {
    const name = metadata?.name ?? ''
    expect(`daemon set ${name}: pods' nodes`, nodesOf(of(name)), nodesOf((await client.list(nodes)).items))
    expect(`daemon set ${name}: numberReady`, status?.numberReady, nodeCount)
    expect(`daemon set ${name}: images`, images(name), Array(nodeCount).fill(imageOf(spec)))
  }
  for (const { metadata, spec, status } of (await client.list(jobs, { namespace })).items) {
    const name = metadata?.name ?? ''
    expect(`job ${name}: succeeded`, status?.succeeded, spec?.completions)
    expect(
      `job ${name}: complete`,
      status?.conditions?.find(({ type }) => type === 'Complete')?.status,
      'True',
    )
    const tracked = of(name).filter((pod) => pod.metadata?.finalizers?.length)
    expect(`job ${name}: pods still tracked`, tracked.length, 0)
  }
  for (const { metadata, status } of (await client.list(cronJobs, { namespace })).items) {
    const name = metadata?.name ?? ''
    const made = (await client.list(jobs, { namespace })).items.filter(
      (job) => job.metadata?.ownerReferences?.[0]?.uid === metadata?.uid,
    )
    expect(`cron job ${name}: active`, status?.active ?? [], [])
    if (made.length > keptHistory) found.push(`cron job ${name} keeps ${made.length} jobs`)
  }
  for (const { metadata } of (await client.list(namespaces)).items)
    if (metadata?.deletionTimestamp) found.push(`namespace ${metadata.name} is still being deleted`)
  found.push(...(await bindingFaults(client)))
  const slices = (
    await client.list(endpointSlices, { namespace, labelSelector: 'kubernetes.io/service-name=web' })
  ).items
  const addresses = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).filter(({ conditions }) => conditions?.ready).flatMap((endpoint) => endpoint.addresses),
  )
  expect('endpoints of web', addresses.toSorted(), of('web').filter(isReady).map(ipOf).toSorted())
  return found
}

/** Claims and volumes that are not bound to each other as they should be. */
async function bindingFaults(client: Client): Promise<readonly string[]> {
  const found: string[] = []
  const claims = (await client.list(persistentVolumeClaims, { namespace })).items
  const volumes = (await client.list(persistentVolumes)).items
  const isFree = volumes.some(({ status }) => status?.phase === 'Available')
  for (const { metadata, spec, status } of claims) {
    const name = metadata?.name ?? ''
    const volume = volumes.find((candidate) => candidate.metadata?.name === spec?.volumeName)
    if (metadata?.deletionTimestamp) found.push(`claim ${name} is still being deleted`)
    else if (status?.phase !== 'Bound') {
      if (isFree) found.push(`claim ${name} is ${status?.phase} although a volume is free`)
    } else if (volume?.spec?.claimRef?.uid !== metadata?.uid || volume?.status?.phase !== 'Bound')
      found.push(`claim ${name} is bound to a volume that is not bound to it`)
  }
  for (const { metadata, spec, status } of volumes) {
    const claim = claims.find((candidate) => candidate.metadata?.uid === spec?.claimRef?.uid)
    const phase = !spec?.claimRef ? 'Available' : claim ? 'Bound' : 'Released'
    if (status?.phase !== phase)
      found.push(`volume ${metadata?.name} is ${status?.phase} and should be ${phase}`)
  }
  return found
}

function imageOf(
  spec: { readonly template?: { readonly spec?: Pod['spec'] } } | undefined,
): string | undefined {
  return spec?.template?.spec?.containers[0]?.image
}

function nodesOf(
  objects: readonly { readonly metadata?: Pod['metadata']; readonly spec?: object }[],
): string[] {
  return objects
    .map(({ metadata, spec }) => (spec as Pod['spec'])?.nodeName ?? metadata?.name ?? '')
    .toSorted()
}

function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ??
    false
  )
}

function ipOf({ status }: Pod): string {
  return status?.podIP ?? ''
}

/** Heartbeats, which never end. */
const heartbeats: ReadonlySet<string> = new Set(['leases', 'nodes'])

/** A kubelet tells of its node so often, though nothing changes. */
const nodeReportPeriodMs = 5 * 60_000

/** Every write that somebody makes though nothing changes. */
export async function writesWithin(simulation: Simulation, milliseconds: number): Promise<string[]> {
  const { client, clock } = simulation
  const startMs = clock.now()
  const before = await versions(client, startMs)
  const reports = await countReports(client)
  await simulation.advance(milliseconds)
  const after = await versions(client, startMs)
  const mostReports = Math.ceil(milliseconds / nodeReportPeriodMs)
  return [
    ...[...after].flatMap(([key, version]) =>
      before.get(key) === version ? [] : [`${key} was written though nothing changed`],
    ),
    ...[...(await reports.stop())].flatMap(([name, count]) =>
      count <= mostReports ? [] : [`node ${name} was written ${count} times though nothing changed`],
    ),
  ]
}

/** Counts how often each node is written until stopped. */
async function countReports(
  client: Client,
): Promise<{ readonly stop: () => Promise<ReadonlyMap<string, number>> }> {
  const counts = new Map<string, number>()
  const abort = new AbortController()
  const { resourceVersion = '' } = (await client.list(nodes)).metadata
  const count = async () => {
    for await (const { object } of client.watch(nodes, { resourceVersion, signal: abort.signal })) {
      const name = object.metadata?.name ?? ''
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  const counting = count()
  return {
    async stop() {
      abort.abort()
      await counting
      return counts
    },
  }
}

/** The versions of all objects; of events whose series ended before, and is written down later, none. */
async function versions(client: Client, startMs: number): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const { resource, verbs } of builtInDefinitions) {
    if ((verbs && !verbs.includes('list')) || heartbeats.has(resource.resource)) continue
    for (const object of (await client.list(resource)).items) {
      const endedMs = parseTime((object as Event).series?.lastObservedTime)
      if (endedMs !== undefined && endedMs < startMs) continue
      found.set(`${resource.resource} ${keyOf(object)}`, object.metadata?.resourceVersion ?? '')
    }
  }
  return found
}
