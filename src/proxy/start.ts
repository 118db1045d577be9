import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointSlices, nodes, services } from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createSeriesRecorder } from '../client/event-recorder/series-recorder.ts'
import type { Cancel } from '../machinery/clock.ts'
import { keyOf } from '../machinery/resource.ts'
import { familyOf, frontendsOf, type Frontend, type ProxyNode } from './frontends.ts'
import { createHealthChecks, healthCheckOf } from './health-checks.ts'
import { dialects, tableName } from './nftables/ruleset.ts'
import { run, runNft, type Nft } from './nftables/nft.ts'
import { serveNodeHealth, serveProxyMetrics, type ListenAddress } from './node-health.ts'
import { proxyMetrics } from './proxy-metrics.ts'
import { staleFlows } from './stale-flows.ts'
import { createClaims, createProxyTable } from './table.ts'

export interface ProxyOptions {
  /** Name of the node whose packets are directed. */
  readonly nodeName: string
  /** CIDRs of all pods; packets from elsewhere to a cluster address are masqueraded. */
  readonly podNetworks: readonly string[]
  /** Where `/healthz` is answered, 10256 by custom; nowhere when absent. */
  readonly health?: ListenAddress
  /** Where `/metrics` is answered, 10249 on the loopback by custom; nowhere when absent. */
  readonly metrics?: ListenAddress
  /** How `nft` is run; for tests. */
  readonly nft?: Nft
}

/** Changes that come within this time are applied together. */
const gatherMs = 10
const retryMs = 1000

const byService = 'proxy/service'
const serviceNameLabel = 'kubernetes.io/service-name'
const changedAtAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Directs Service traffic of this node's network namespace, in an nftables table of its own, until stopped. */
export async function startProxy(
  context: ComponentContext,
  options: ProxyOptions,
): Promise<RunningComponent> {
  const { client, informers, clock, log } = context
  const { nodeName, podNetworks, nft = runNft } = options
  const serviceCache = informers.informer(services)
  const sliceCache = informers.informer(endpointSlices)
  const nodeCache = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` })
  sliceCache.addIndex(byService, serviceKeys)

  const families = Object.values(dialects).map((dialect) => ({
    dialect,
    podNetworks: podNetworks.filter((network) => familyOf(network.split('/')[0]!) === dialect.family),
  }))
  let tables = newTables()
  let claims = createClaims()
  let known = new Map<string, readonly Frontend[]>()
  const dirty = new Set<string>()
  /** When the endpoints changed whose rules are not written yet; milliseconds since the epoch. */
  let waitingSince: number[] = []
  const numbers = proxyMetrics(context.metrics)
  let scheduled: Cancel | undefined
  let running: Promise<void> | undefined
  let fault: string | undefined = 'not synced yet'
  let hasSynced = false
  let lastUpdated = 0
  let stopped = false
  const isHealthy = () => fault === undefined
  const events = createSeriesRecorder({ client, component: 'kube-proxy', clock, log })
  const checks = createHealthChecks({ nodeName, isHealthy, events, log })
  const servers = await Promise.all([
    options.health &&
      serveNodeHealth({
        listen: options.health,
        clock,
        isHealthy,
        lastUpdated: () => lastUpdated,
        node: () => nodeCache.get(nodeName),
      }),
    options.metrics && serveProxyMetrics(options.metrics, context.metrics, isHealthy),
  ])
  const firstSync = Promise.withResolvers<void>()

  function newTables() {
    return families.map(({ dialect, podNetworks: networks }) => createProxyTable(dialect, networks))
  }

  function mark(key: string): void {
    dirty.add(key)
    schedule(gatherMs)
  }

  function markAll(): void {
    for (const service of serviceCache.list()) dirty.add(keyOf(service))
    for (const key of known.keys()) dirty.add(key)
    schedule(gatherMs)
  }

  function schedule(delayMs: number): void {
    if (stopped || !hasSynced || scheduled || running) return
    scheduled = clock.after(delayMs, () => {
      scheduled = undefined
      running = sync().finally(() => {
        running = undefined
        if (dirty.size > 0) schedule(fault ? retryMs : gatherMs)
      })
    })
  }

  async function sync(): Promise<void> {
    const startedAt = clock.monotonic()
    const settling = waitingSince
    waitingSince = []
    const frontends = settleDirty()
    const flows = [...frontends].flatMap(([key, after]) => staleFlows(known.get(key) ?? [], after))
    try {
      const script = tables.map((table) => table.plan(frontends)).join('')
      if (script) await nft(script)
      for (const [key, list] of frontends) {
        if (list.length === 0) known.delete(key)
        else known.set(key, list)
      }
      for (const flow of flows) await forgetFlow(flow)
      fault = undefined
      lastUpdated = clock.now()
      numbers.synced((clock.monotonic() - startedAt) / 1000, lastUpdated / 1000)
      for (const changedAt of settling) numbers.programmed(Math.max(0, lastUpdated - changedAt) / 1000)
      firstSync.resolve()
    } catch (error) {
      fault = String(error)
      numbers.failures.add()
      log.error('service rules were refused; starting the table anew', { error })
      startAnew()
    }
  }

  /** What the dirty Services are reached at now. */
  function settleDirty(): Map<string, readonly Frontend[]> {
    const node = thisNode()
    const frontends = new Map<string, readonly Frontend[]>()
    for (const key of dirty) {
      const service = serviceCache.get(key)
      const slices = service ? sliceCache.byIndex(byService, key) : []
      const wanted = service ? frontendsOf(service, slices, node) : []
      checks.set(key, service && healthCheckOf(service, slices, nodeName))
      const { granted, freed } = claims.settle(key, wanted)
      frontends.set(key, granted)
      for (const other of freed) dirty.add(other)
    }
    dirty.clear()
    return frontends
  }

  function startAnew(): void {
    tables = newTables()
    claims = createClaims()
    known = new Map()
    for (const service of serviceCache.list()) dirty.add(keyOf(service))
  }

  function thisNode(): ProxyNode {
    const zone = nodeCache.get(nodeName)?.metadata?.labels?.['topology.kubernetes.io/zone']
    return { name: nodeName, ...(zone && { zone }) }
  }

  /** conntrack answers 1 when there was no such flow, and may not be installed: neither stops the traffic that is new. */
  async function forgetFlow(flow: readonly string[]): Promise<void> {
    try {
      await run('conntrack', flow)
    } catch (error) {
      log.debug('no flow was forgotten', { flow: flow.join(' '), error: String(error) })
    }
  }

  const unsubscribe = [
    serviceCache.onChange(({ object }) => {
      numbers.changed('service', clock.now() / 1000)
      mark(keyOf(object))
    }),
    sliceCache.onChange((change) => {
      numbers.changed('endpoint', clock.now() / 1000)
      const changedAt = Date.parse(change.object.metadata?.annotations?.[changedAtAnnotation] ?? '')
      // What was there before this proxy has not waited for it.
      if (hasSynced && changedAt > 0) waitingSince.push(changedAt)
      const objects = change.type === 'updated' ? [change.object, change.previous] : [change.object]
      for (const key of objects.flatMap(serviceKeys)) mark(key)
    }),
    nodeCache.onChange((change) => {
      const zoneOf = (node: typeof change.object) => node.metadata?.labels?.['topology.kubernetes.io/zone']
      if (change.type !== 'updated' || zoneOf(change.object) !== zoneOf(change.previous)) markAll()
    }),
  ]
  // Until all is known, rules would refuse Services whose endpoints are only not here yet.
  const ready = Promise.all([serviceCache.synced, sliceCache.synced, nodeCache.synced]).then(() => {
    hasSynced = true
    markAll()
    return firstSync.promise
  })

  return {
    name: 'kube-proxy',
    ready,
    health: () => fault,
    async stop() {
      stopped = true
      scheduled?.()
      for (const end of unsubscribe) end()
      checks.close()
      for (const server of servers) {
        server?.close()
        server?.closeAllConnections()
      }
      await running
      firstSync.resolve()
    },
  }
}

/** Removes every rule that a proxy made in this network namespace. */
export async function removeProxyRules(nft: Nft = runNft): Promise<void> {
  for (const { table } of Object.values(dialects)) {
    await nft(`table ${table} ${tableName}\ndelete table ${table} ${tableName}\n`)
  }
}

function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const service = metadata?.labels?.[serviceNameLabel]
  return service ? [`${metadata.namespace}/${service}`] : []
}
