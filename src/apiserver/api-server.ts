import type { ResourceDefinition } from '../api/definition.ts'
import { every, type Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { FeatureGates } from '../machinery/feature-gates.ts'
import { createMetrics, type Metrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import type { Store } from '../store/store.ts'
import type { Flags } from '../api/zpages/flagz.ts'
import {
  publishAuthentication,
  type ExtensionAuthentication,
} from './aggregation/extension-authentication.ts'
import type { AuditOptions } from './audit/auditor.ts'
import type { AdmissionPlugin } from './admission/plugin.ts'
import type { RequestAuthenticator } from './authentication/union.ts'
import type { Authorizer } from './authorization/authorizer.ts'
import {
  ensureTokenTracking,
  tokenTrackingPeriodMs,
} from './authentication/service-accounts/token-tracking.ts'
import { keepPresent } from './bootstrap/keep-present.ts'
import { ensureSystemNamespaces } from './bootstrap/namespaces.ts'
import { ensureServiceCidr } from './bootstrap/service-cidr.ts'
import { ensureSystemPriorityClasses } from './bootstrap/priority-classes.ts'
import { customResourceDefinitions } from '../api/generated/resources.ts'
import { serveCustomResources } from './extensions/serve-custom-resources.ts'
import type { TlsIdentity } from './connect/backend.ts'
import type { IsServed } from './enablement/resource-config.ts'
import type { HealthCheck } from './discovery/health-endpoint.ts'
import type { StaticDocument } from './discovery/static-endpoint.ts'
import type { ObservedComponent } from './registry/component-status.ts'
import { ensureFlowControlConfiguration } from './flowcontrol/ensure-configuration.ts'
import type { FlowControl } from './flowcontrol/flow-control.ts'
import { followDanglingSchemas } from './flowcontrol/flow-schema-status.ts'
import type { MaxInFlight } from './http/max-in-flight.ts'
import type { PortRange } from './registry/allocators/port-allocator.ts'
import type { Answer, ResourceRequest } from './registry/request.ts'
import type { ResourceTable } from './registry/resource-table.ts'
import type { ServedName, ServedResource } from './registry/served-resource.ts'
import type { Responder } from './registry/responder.ts'
import type { CreateToken } from './registry/subresources/token.ts'
import { createRequestPipeline, type RequestPipeline } from './request-pipeline.ts'
import { serveRequests, type Service } from './serve-requests.ts'
import { observeStore } from './storage/observed-store.ts'
import type { Objects } from './objects.ts'
import type { WebhookClient } from './webhook/webhook-client.ts'

export interface ApiServerOptions {
  /** Opened and closed by the caller; nobody else may use it. */
  readonly store: Store
  /** Each version of each built-in resource once. More may be added while the server runs. */
  readonly definitions: readonly ResourceDefinition[]
  /** Whether others may use a built-in resource; the server itself always may. Default: they may. */
  readonly isServed?: IsServed
  /** Default upstream's. */
  readonly featureGates?: FeatureGates
  /** Who may do what, and what becomes of what they do; made of the objects that it is decided by. */
  readonly security: (objects: Objects, parts: SecurityParts) => Security

  /** PEM. */
  readonly tls: { readonly certificate: string; readonly key: string }
  /** PEM: the authorities that clients are asked for a certificate of. */
  readonly clientCertificateAuthority?: string
  /** Who the server is to kubelets. */
  readonly kubeletClient?: TlsIdentity
  /** Who the server is to the servers of other APIs, which believe it for whom a request is. */
  readonly frontProxyClient?: TlsIdentity
  /** How those servers know this one and their clients. */
  readonly extensionAuthentication?: ExtensionAuthentication
  /** Where to listen; port 0 takes a free one. */
  readonly address: string
  readonly port: number
  /** Where clients in the cluster reach the server: the endpoint of the Service `kubernetes`. Default: `address`. */
  readonly advertiseAddress?: string
  /** Of this machine: by it the server says in a lease that it is there. Default: it does not. */
  readonly hostName?: string

  /**
   * Other API servers use the same store: the endpoints of the Service `kubernetes` are those that say that they are there.
   * Default: this one is alone.
   */
  readonly sharesStore?: boolean
  /** Ranges of the Services' addresses: one, or one of each family, the default first. */
  readonly serviceCidrs: readonly string[]
  /** Default 30000-32767. */
  readonly nodePortRange?: PortRange
  /** Components whose health componentstatuses tell, beside the store's. */
  readonly components?: () => readonly ObservedComponent[]
  readonly maxInFlight?: MaxInFlight
  /**
   * Whose requests are served first is decided by the FlowSchemas and PriorityLevelConfigurations there are; `maxInFlight`
   * is then the limit of all kinds together. Default true, where those kinds are served.
   */
  readonly priorityAndFairness?: boolean
  /** How long requests are still served after `/readyz` says that the server stops, in milliseconds. Default 0. */
  readonly shutdownDelayMs?: number
  /** What is recorded of requests. Default: nothing. The server closes the backends when it has stopped. */
  readonly audit?: AuditOptions | undefined
  /** Told by `/livez` and `/readyz` beside the server's own. */
  readonly healthChecks?: readonly HealthCheck[]
  /** What /flagz tells of this server. Default: there is no /flagz. */
  readonly flags?: () => Promise<Flags>
  /** Run once when requests are answered, before the server counts as ready. */
  readonly hooks?: readonly PostStartHook[]

  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics?: Metrics
}

/** What security works with beside the objects. */
export interface SecurityParts {
  readonly webhooks: WebhookClient
  readonly metrics: Metrics
  readonly log: Logger
  /** Who serves a kind, built-in or custom. */
  servedKind(name: ServedName): ServedResource | undefined
}

/** All that stands between a request and the objects. `security.ts` makes the usual one. */
export interface Security {
  readonly authenticator: RequestAuthenticator
  readonly authorizer: Authorizer
  /** In order. */
  readonly admission: readonly AdmissionPlugin[]
  /** Resources that answer instead of storing: reviews. */
  readonly responders?: readonly Responder[]
  /** Makes tokens for service accounts; without it there are none to be had. */
  readonly createToken?: CreateToken
  /** Documents served as they are: what relying parties need to verify tokens. */
  readonly documents?: readonly StaticDocument[]
  close?(): void
}

/** What hooks work with. */
export interface ServerParts {
  readonly objects: Objects
  readonly authorizer: Authorizer
  readonly webhooks: WebhookClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface PostStartHook {
  /** As in `/readyz/poststarthook/<name>`. */
  readonly name: string
  run(parts: ServerParts): Promise<void>
}

export interface ApiServer {
  readonly objects: Objects
  /** What is served: to be added to, for custom resources. */
  readonly resources: ResourceTable
  readonly address: string
  readonly port: number
  /** Authorises and carries out a request of somebody who is known: the way in for components of this process. */
  handle(request: ResourceRequest): Promise<Answer>
  /** Answers a GET of any path on behalf of somebody who is known. */
  raw: Service['raw']
  /** Shows this certificate to new connections from now on. */
  present: Service['present']
  /** Lets requests end, closes everything. The store stays open. */
  stop(): Promise<void>
}

const bookmarkPeriodMs = 60_000
const serviceCidrPeriodMs = 10_000
const flowControlPeriodMs = 60_000

/** Starts an API server; resolves when it is ready: it listens, and what every cluster has is there. */
export async function startApiServer(given: ApiServerOptions): Promise<ApiServer> {
  const { metrics = createMetrics() } = given
  const options = { ...given, metrics, store: observeStore(given.store, metrics, given.clock) }
  const pipeline = await createRequestPipeline(options)
  let service: Service | undefined
  const closing: (() => void | Promise<void>)[] = []
  try {
    await serveExtensions(options, pipeline, closing)
    service = await serveRequests(options, pipeline)
    closing.push(
      every(options.clock, bookmarkPeriodMs, () => {
        for (const { cache } of pipeline.table.registries()) cache.sendBookmarks()
      }),
    )
    await bootstrap(options, pipeline, service, closing)
  } catch (error) {
    await stop()
    throw error
  }

  async function stop(): Promise<void> {
    for (const close of closing.toReversed()) await close()
    await service?.close()
    pipeline.close()
  }

  const { auditor } = service
  return {
    objects: pipeline.parts.objects,
    resources: pipeline.table,
    address: service.address,
    port: service.port,
    handle: (request) => pipeline.handle(request, auditor),
    raw: service.raw,
    present: service.present,
    stop,
  }
}

/** Serves the kinds that the cluster's users have defined. */
async function serveExtensions(
  { clock, log }: ApiServerOptions,
  { parts, table }: RequestPipeline,
  closing: (() => void | Promise<void>)[],
): Promise<void> {
  const definitions = table.findRegistry(customResourceDefinitions)
  if (!definitions) return
  closing.push(await serveCustomResources({ ...parts, table, definitions, clock, log }))
}

/** Makes what every cluster has, and keeps right what depends on where this server is. */
async function bootstrap(
  options: ApiServerOptions,
  pipeline: RequestPipeline,
  service: Service,
  closing: (() => void | Promise<void>)[],
): Promise<void> {
  const { parts, table, allocators } = pipeline
  const { objects } = parts
  const { clock, log, hooks = [] } = options
  const isServed = (resource: string) =>
    table.registries().some(({ definition }) => definition.resource.resource === resource)
  if (isServed('namespaces'))
    await service.started('system-namespaces-controller', () => ensureSystemNamespaces(objects))
  if (isServed('services')) {
    const ensureRange = () => ensureServiceCidr(objects, options.serviceCidrs, { now: clock.now(), log })
    await service.started('start-kubernetes-service-cidr-controller', ensureRange)
    await allocators.keepRight()
    closing.push(
      every(clock, serviceCidrPeriodMs, () => {
        ensureRange().catch((error: unknown) => {
          log.error('keeping the range of service addresses right failed', { error: String(error) })
        })
      }),
    )
    await keepPresent(options, pipeline, service, closing)
  }
  if (isServed('priorityclasses')) {
    await service.started('scheduling/bootstrap-system-priority-classes', () =>
      ensureSystemPriorityClasses(objects),
    )
  }
  if (pipeline.flowControl) await keepFlowControl(options, pipeline, pipeline.flowControl, service, closing)
  const { extensionAuthentication } = options
  if (extensionAuthentication) {
    await service.started('start-cluster-authentication-info-controller', () =>
      publishAuthentication(objects, extensionAuthentication),
    )
  }
  if (isServed('configmaps') && isServed('serviceaccounts')) {
    const ensureTracking = () => ensureTokenTracking(objects, clock.now())
    await service.started('start-legacy-token-tracking-controller', ensureTracking)
    closing.push(
      every(clock, tokenTrackingPeriodMs, () => {
        ensureTracking().catch((error: unknown) => {
          log.error('keeping the date since which tokens are tracked failed', { error: String(error) })
        })
      }),
    )
  }
  if (isServed('apiservices')) {
    await service.started('apiservice-registration-controller', () => pipeline.aggregator.start())
  }
  await Promise.all(hooks.map(({ name, run }) => service.started(name, () => run(parts))))
}

/** Makes the configuration of priority and fairness, keeps it, and goes by it. */
async function keepFlowControl(
  { clock, log }: ApiServerOptions,
  { parts }: RequestPipeline,
  flowControl: FlowControl,
  service: Service,
  closing: (() => void | Promise<void>)[],
): Promise<void> {
  const { objects } = parts
  const ensure = () => ensureFlowControlConfiguration(objects)
  await service.started('priority-and-fairness-config-producer', ensure)
  closing.push(
    every(clock, flowControlPeriodMs, () => {
      ensure().catch((error: unknown) => {
        log.error('keeping the configuration of priority and fairness failed', { error: String(error) })
      })
    }),
  )
  await service.started('priority-and-fairness-config-consumer', () => {
    flowControl.start()
    return Promise.resolve()
  })
  closing.push(() => flowControl.close(), followDanglingSchemas(objects, { clock, log }))
}
