import { sleep } from '../machinery/clock.ts'
import type { Metrics } from '../machinery/metrics.ts'
import { StatusError } from '../machinery/status.ts'
import type { ApiServerOptions } from './api-server.ts'
import type { Auditor, AuditOptions } from './audit/auditor.ts'
import type { User } from './authentication/authenticator.ts'
import { Impersonation } from './authentication/impersonation/impersonate.ts'
import { ImpersonationMetrics } from './authentication/impersonation/impersonation-metrics.ts'
import { Connector } from './connect/connector.ts'
import { aggregatedEndpoint } from './aggregation/proxy-endpoint.ts'
import { discover, type ServedGroups } from './discovery/discovered.ts'
import { discoveryEndpoint } from './discovery/discovery-endpoint.ts'
import { healthEndpoint, type HealthCheck } from './discovery/health-endpoint.ts'
import { openApiEndpoint } from './discovery/openapi-endpoint.ts'
import { observeProcess } from '../machinery/process-metrics.ts'
import { allPaths, rootEndpoint } from './discovery/root-endpoint.ts'
import { staticEndpoint } from './discovery/static-endpoint.ts'
import { zpagesEndpoint } from './discovery/zpages-endpoint.ts'
import { flowControlDumpEndpoint } from './flowcontrol/dump-endpoint.ts'
import { AccessMetrics } from './http/access-metrics.ts'
import { ApiHandler, type Endpoint } from './http/api-handler.ts'
import { connectEndpoint } from './http/connect-endpoint.ts'
import { Deadlines } from './http/deadlines.ts'
import { InFlight } from './http/in-flight.ts'
import { InFlightLimit } from './http/max-in-flight.ts'
import { observeStorage } from './storage/storage-metrics.ts'
import { listen } from './http/listen.ts'
import { rawRequest, type RawRequestOptions } from './http/raw-request.ts'
import { RequestMetrics } from './http/request-metrics.ts'
import { resourceEndpoint } from './http/resource-endpoint.ts'
import { connectSubresources } from './connect/connector.ts'
import type { RequestInfo } from './request-info.ts'
import type { ResourceTable } from './registry/resource-table.ts'
import type { RequestPipeline } from './request-pipeline.ts'

/** A pipeline that listens. */
export interface Service {
  readonly address: string
  readonly port: number
  /** Absent where nothing is recorded. */
  readonly auditor?: Auditor
  /** Runs a part of start-up, until which the server does not count as ready. Rejects when it fails. */
  started(name: string, run: () => Promise<void>): Promise<void>
  /** The body of a GET of any path, for somebody who is known. */
  raw(user: User, path: string, options?: RawRequestOptions): Promise<string>
  /** Shows this certificate to new connections from now on. */
  present(tls: ApiServerOptions['tls']): void
  close(): Promise<void>
}

/** How long requests under way may take when the server stops. */
const shutdownGraceMs = 10_000

/** Opens the port and serves everything there is under it. */
export async function serveRequests(options: ApiServerOptions, pipeline: RequestPipeline): Promise<Service> {
  const { clock, random, log } = options
  const { parts, table, admission, security } = pipeline
  const { authenticator, authorizer, documents = [] } = security
  const inFlight = new InFlight()
  const deadlines = new Deadlines(clock)
  const auditor = options.audit && (await openAuditor(options.audit, options, pipeline))
  const metrics = new RequestMetrics(observed(options, pipeline), (info) => isServed(table, info))
  const connector = new Connector(parts.objects, random, options.kubeletClient ?? {})
  /** Parts of start-up, and whether they are done. */
  const hooks = new Map<string, boolean>()
  let advertised = ''
  const { aggregator, flowControl } = pipeline
  const groups: ServedGroups = {
    get generation() {
      return aggregator.generation
    },
    groups: () => aggregator.groups(discover(table)),
  }
  const morePaths = [
    '/healthz',
    '/livez',
    '/readyz',
    '/openapi/v2',
    '/openapi/v3',
    ...documents.map(({ path }) => path),
  ]
  const endpoints: readonly Endpoint[] = [
    aggregatedEndpoint(pipeline.proxy),
    connectEndpoint({ table, connector, admission, authorizer, metrics, inFlight }),
    resourceEndpoint({
      table,
      handle: (request) => pipeline.carryOut(request),
      clock,
      random,
      metrics,
      inFlight,
    }),
    discoveryEndpoint(groups, () => advertised),
    healthEndpoint(() => healthChecks(options, pipeline, hooks, inFlight)),
    openApiEndpoint(table, clock, aggregator),
    staticEndpoint(documents),
    ...(flowControl ? [flowControlDumpEndpoint(flowControl, clock)] : []),
    zpagesEndpoint(async () => {
      const { componentZPages } = await import('../api/zpages/component-zpages.ts')
      const paths = () => allPaths(groups, morePaths)
      const flags = await options.flags?.()
      return componentZPages({
        component: 'apiserver',
        paths,
        ...(flags && { flags: () => flags }),
        clock,
        random,
      })
    }),
    rootEndpoint(groups, metrics, [...morePaths, ...(options.flags ? ['/flagz'] : []), '/statusz']),
  ]
  const handler = new ApiHandler({
    authenticator,
    authorizer,
    impersonation: new Impersonation({
      authorizer,
      metrics: new ImpersonationMetrics(pipeline.metrics, clock),
    }),
    endpoints,
    clock,
    log,
    metrics,
    accessMetrics: new AccessMetrics(pipeline.metrics, clock),
    deadlines,
    auditor,
    limit: flowControl
      ? { type: 'flowControl', flowControl }
      : { type: 'maxInFlight', maxInFlight: new InFlightLimit(options.maxInFlight) },
  })
  const listener = await listen({
    address: options.address,
    port: options.port,
    tls: options.tls,
    ...(options.clientCertificateAuthority && {
      clientCertificateAuthority: options.clientCertificateAuthority,
    }),
    handle: (request) => handler.handle(request),
    inFlight,
    clock,
    log,
  })
  advertised = `${options.advertiseAddress ?? options.address}:${listener.port}`
  return {
    address: listener.address,
    port: listener.port,
    ...(auditor && { auditor }),
    async started(name, run) {
      hooks.set(name, false)
      await run()
      hooks.set(name, true)
    },
    raw: (user, path, rawOptions) => rawRequest(handler, user, path, rawOptions),
    present: (tls) => listener.present(tls),
    async close() {
      // In upstream's order: not ready, then no new connections, then nothing under way any more.
      inFlight.leave()
      if (options.shutdownDelayMs) await sleep(clock, options.shutdownDelayMs)
      await listener.close(shutdownGraceMs)
      deadlines.close()
      await auditor?.close()
      connector.close()
    },
  }
}

/** What records requests is loaded where there is something to be recorded. */
async function openAuditor(
  audit: AuditOptions,
  { clock }: ApiServerOptions,
  { metrics }: RequestPipeline,
): Promise<Auditor> {
  const { Auditor } = await import('./audit/auditor.ts')
  const { createAuditMetrics } = await import('./audit/audit-metrics.ts')
  return new Auditor(audit, clock, createAuditMetrics(metrics))
}

function observed({ clock }: ApiServerOptions, { table, metrics }: RequestPipeline): Metrics {
  const observations = [observeProcess(metrics, clock), observeStorage(metrics, () => table.registries())]
  metrics.onCollect(() => {
    for (const observe of observations) observe()
  })
  return metrics
}

function isServed(table: ResourceTable, info: RequestInfo): boolean {
  const served = table.find(info)
  if (!served) return false
  const { resource, subresource } = info
  if (subresource === '' || Object.hasOwn(connectSubresources, `${resource}/${subresource}`)) return true
  return table.subresourcesOf(served).some(({ name }) => name === subresource)
}

/** Under upstream's names, so that whoever excludes one goes on excluding it. */
function healthChecks(
  { store, healthChecks: others = [] }: ApiServerOptions,
  { feed }: RequestPipeline,
  hooks: ReadonlyMap<string, boolean>,
  inFlight: InFlight,
): readonly HealthCheck[] {
  return [
    { name: 'ping', check: () => Promise.resolve(undefined) },
    { name: 'log', check: () => Promise.resolve(undefined) },
    {
      name: 'etcd',
      check: () =>
        store.currentRevision().then(
          () => undefined,
          (error: unknown) => String(error),
        ),
    },
    {
      name: 'informer-sync',
      readinessOnly: true,
      check: () =>
        feed.fresh().then(
          () => undefined,
          (error: unknown) => (error instanceof StatusError ? error.message : String(error)),
        ),
    },
    ...Array.from(hooks, ([name, isDone]) => ({
      name: `poststarthook/${name}`,
      check: () => Promise.resolve(isDone ? undefined : 'not finished'),
    })),
    ...others,
    {
      name: 'shutdown',
      readinessOnly: true,
      check: () => Promise.resolve(inFlight.isLeaving ? 'process is shutting down' : undefined),
    },
  ]
}
