import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointSlices, nodes, serviceCIDRs, services } from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createSeriesRecorder } from '../client/event-recorder/series-recorder.ts'
import { every, type Cancel } from '../machinery/clock.ts'
import { keyOf } from '../machinery/resource.ts'
import { componentZPages, type ComponentZPages } from '../api/zpages/component-zpages.ts'
import { networksOf } from './addresses.ts'
import { createFlowKeeper } from './flow-keeper.ts'
import { frontendsOf, hasOtherProxy, type Frontend } from './frontends.ts'
import { createHealthChecks, healthCheckOf } from './health-checks.ts'
import { createLocalShortage } from './local-shortage.ts'
import { dialects, tableName } from './nftables/ruleset.ts'
import { run, runNft, type Nft } from './nftables/nft.ts'
import { nodeHealth, proxyInformation, serve, type Answerer, type ListenAddress } from './node-health.ts'
import { proxyFlags } from './configuration/describe-flags.ts'
import { createPlaces, type PlacesOptions } from './places.ts'
import { proxyMetrics } from './proxy-metrics.ts'
import { udpPortsOf } from './stale-flows.ts'
import { keepServing } from './steady-server.ts'
import { createSyncHealth } from './sync-health.ts'
import { createClaims, createProxyTable } from './table.ts'

export interface ProxyOptions extends PlacesOptions {
  /** CIDRs of all pods; packets from elsewhere to a cluster address are masqueraded. */
  readonly podNetworks: readonly string[]
  /** Where `/healthz` is answered, 10256 by custom; nowhere when absent. */
  readonly health?: ListenAddress
  /** Where `/metrics` is answered, 10249 on the loopback by custom; nowhere when absent. */
  readonly metrics?: ListenAddress
  /** Whether the proxy does not start where one of the two is taken; else it tries again. Default false. */
  readonly failsWithoutPorts?: boolean
  /** From 0 to 31; default 14. */
  readonly masqueradeBit?: number
  /** Changes that come within this time are applied together; default 10. */
  readonly minSyncPeriodMs?: number
  /** How often this machine's addresses are read; twice that is how long rules may wait. Default 30,000. */
  readonly syncPeriodMs?: number
  /** How `nft` is run; for tests. */
  readonly nft?: Nft
}

const retryMs = 1000
const listenRetryMs = 5000

const byService = 'proxy/service'
const serviceNameLabel = 'kubernetes.io/service-name'
const changedAtAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
const families = Object.values(dialects)

/** Directs Service traffic of this node's network namespace, in an nftables table of its own, until stopped. */
export async function startProxy(
  context: ComponentContext,
  options: ProxyOptions,
): Promise<RunningComponent> {
  const { client, informers, clock, log } = context
  const { nodeName, nft = runNft, minSyncPeriodMs = 10, syncPeriodMs = 30_000 } = options
  const serviceCache = informers.informer(services)
  const sliceCache = informers.informer(endpointSlices)
  const nodeCache = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` })
  const networkCache = informers.informer(serviceCIDRs)
  sliceCache.addIndex(byService, serviceKeys)

  const places = createPlaces(options, () => nodeCache.get(nodeName), networkCache)
  let tables = newTables()
  let claims = createClaims()
  let shortage = createLocalShortage()
  const known = new Set<string>()
  const dirty = new Set<string>()
  /** When the endpoints changed whose rules are not written yet; milliseconds since the epoch. */
  let waitingSince: number[] = []
  const numbers = proxyMetrics(context.metrics)
  const conntrack = (args: readonly string[]) => run('conntrack', args)
  const flows = createFlowKeeper({ conntrack, clock, log, numbers })
  const health = createSyncHealth(clock, 2 * syncPeriodMs)
  let scheduled: Cancel | undefined
  let running: Promise<void> | undefined
  let fault: string | undefined = 'not synced yet'
  let hasSynced = false
  let isPlaced = false
  let stopped = false
  const { isHealthy } = health
  const events = createSeriesRecorder({ client, component: 'kube-proxy', clock, log })
  const checks = createHealthChecks({
    nodeName,
    isHealthy,
    addresses: places.healthCheckAddresses,
    events,
    clock,
    log,
  })
  const servers = await startServers(context, options, {
    health: nodeHealth({ clock, health, node: () => nodeCache.get(nodeName), numbers }),
    metrics: proxyInformation(context.metrics, isHealthy, zpagesOf(context, options)),
  })
  const firstSync = Promise.withResolvers<void>()

  function newTables() {
    const { podNetworks, masqueradeBit } = options
    return families.map((dialect) => ({
      dialect,
      table: createProxyTable(dialect, {
        podNetworks: networksOf(dialect.family, podNetworks),
        nodePortsEverywhere: places.isEverywhere(dialect.family),
        ...(masqueradeBit !== undefined && { masqueradeBit }),
      }),
    }))
  }

  function mark(key: string): void {
    dirty.add(key)
    schedule(minSyncPeriodMs)
  }

  function markAll(): void {
    for (const service of serviceCache.list()) dirty.add(keyOf(service))
    for (const key of known) dirty.add(key)
    markPlaces()
  }

  function markPlaces(): void {
    isPlaced = false
    schedule(minSyncPeriodMs)
  }

  function schedule(delayMs: number): void {
    if (stopped || !hasSynced) return
    health.queued()
    if (scheduled || running) return
    scheduled = clock.after(delayMs, () => {
      scheduled = undefined
      running = sync().finally(() => {
        running = undefined
        if (dirty.size > 0 || !isPlaced) schedule(fault ? retryMs : minSyncPeriodMs)
      })
    })
  }

  async function sync(): Promise<void> {
    const startedAt = clock.monotonic()
    const settling = waitingSince
    waitingSince = []
    isPlaced = true
    const frontends = settleDirty()
    try {
      const script = tables
        .map(({ dialect, table }) => table.plan(frontends, places.of(dialect.family)))
        .join('')
      if (script) await nft(script)
      await flows.reconcile(places.isNodePortAddress)
      fault = undefined
      health.updated()
      if (dirty.size > 0) health.queued()
      numbers.synced((clock.monotonic() - startedAt) / 1000, clock.now() / 1000)
      for (const changedAt of settling) numbers.programmed(Math.max(0, clock.now() - changedAt) / 1000)
      firstSync.resolve()
    } catch (error) {
      fault = String(error)
      numbers.failed()
      log.error('service rules were refused; starting the table anew', { error })
      startAnew()
    }
  }

  /** What the dirty Services are reached at now. */
  function settleDirty(): Map<string, readonly Frontend[]> {
    const node = places.node()
    const frontends = new Map<string, readonly Frontend[]>()
    for (const key of dirty) {
      const service = serviceCache.get(key)
      const slices = service
        ? sliceCache.byIndex(byService, key).filter(({ metadata }) => !hasOtherProxy(metadata))
        : []
      const wanted = service ? frontendsOf(service, slices, node) : []
      checks.set(key, service && healthCheckOf(service, slices, nodeName))
      flows.set(key, service ? udpPortsOf(service, slices, node) : [])
      const { granted, freed } = claims.settle(key, wanted)
      frontends.set(key, granted)
      shortage.set(key, granted)
      if (granted.length > 0) known.add(key)
      else known.delete(key)
      for (const other of freed) dirty.add(other)
    }
    dirty.clear()
    for (const { family } of families) {
      for (const policy of ['internal', 'external'] as const) {
        numbers.withoutLocalEndpoints(family, policy, shortage.count(family, policy))
      }
    }
    return frontends
  }

  function startAnew(): void {
    tables = newTables()
    claims = createClaims()
    shortage = createLocalShortage()
    known.clear()
    isPlaced = false
    for (const service of serviceCache.list()) dirty.add(keyOf(service))
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
    nodeCache.onChange(() => places.hasNodeChanged() && markAll()),
    networkCache.onChange(markPlaces),
    every(clock, syncPeriodMs, () => places.haveAddressesChanged() && markPlaces()),
  ]
  // Until all is known, rules would refuse Services whose endpoints are only not here yet.
  const caches = [serviceCache, sliceCache, nodeCache, networkCache]
  const ready = Promise.all(caches.map(({ synced }) => synced)).then(() => {
    hasSynced = true
    places.hasNodeChanged()
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
      for (const server of servers) server.close()
      await running
      firstSync.resolve()
    },
  }
}

/** The answers to load balancers and to programs on the node. */
function zpagesOf({ clock, random }: ComponentContext, options: ProxyOptions): ComponentZPages {
  const paths = () => ['/healthz', '/metrics', '/proxyMode']
  const flags = () => proxyFlags(options)
  return componentZPages({ component: 'kube-proxy', paths, flags, clock, random })
}

async function startServers(
  { clock, log }: ComponentContext,
  { health, metrics, failsWithoutPorts = false }: ProxyOptions,
  answerers: { readonly health: Answerer; readonly metrics: Answerer },
): Promise<{ close(): void }[]> {
  const wanted = [
    ...(health ? [{ what: 'health of the proxy', listen: health, answer: answerers.health }] : []),
    ...(metrics ? [{ what: 'metrics of the proxy', listen: metrics, answer: answerers.metrics }] : []),
  ]
  if (failsWithoutPorts) return Promise.all(wanted.map(({ listen, answer }) => serve(listen, answer)))
  return wanted.map(({ what, listen, answer }) =>
    keepServing({ clock, log, what, retryMs: listenRetryMs, start: () => serve(listen, answer) }),
  )
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
