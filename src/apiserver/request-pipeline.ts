import { nodes, pods } from '../api/generated/resources.ts'
import { requiredFieldValue, parseFieldSelector } from '../machinery/field-selector.ts'
import { defaultFeatureGates } from '../machinery/feature-gates.ts'
import { createMetrics, type Metrics } from '../machinery/metrics.ts'
import { groupResource, type Resource } from '../machinery/resource.ts'
import { SelectorError } from '../machinery/selector-error.ts'
import { from } from '../machinery/status-errors.ts'
import { StatusError } from '../machinery/status.ts'
import type { ApiServerOptions, Security, ServerParts } from './api-server.ts'
import { Aggregator } from './aggregation/aggregator.ts'
import type { ProxyContext } from './aggregation/proxy-endpoint.ts'
import type { Auditor, AuditRecord } from './audit/auditor.ts'
import type { Attributes } from './authorization/authorizer.ts'
import { whyRefused } from './authorization/why-refused.ts'
import { flowSchemas, priorityLevelConfigurations } from '../api/generated/resources.ts'
import { FlowControl } from './flowcontrol/flow-control.ts'
import { authorize } from './http/api-handler.ts'
import { totalInFlight } from './http/max-in-flight.ts'
import { withoutDisabledFields } from './enablement/disabled-fields.ts'
import { definitionHooks } from './extensions/definition-hooks.ts'
import { createMetricsReporters } from './node-metrics/metrics-reporters.ts'
import { ObjectsView } from './objects-view.ts'
import { AdmissionChain } from './registry/admission-chain.ts'
import { defaultNodePortRange } from './registry/allocators/port-allocator.ts'
import { ServiceAllocators } from './registry/allocators/service-allocators.ts'
import { serviceHooks } from './registry/allocators/service-hooks.ts'
import { bindingResponder } from './registry/binding-responder.ts'
import { componentStatusReporter } from './registry/component-status.ts'
import { claimHooks, claimTemplateHooks } from './registry/device-claims/claim-hooks.ts'
import { dispatch, resourceNotFound } from './registry/dispatch.ts'
import { namespaceHooks } from './registry/namespace-hooks.ts'
import type { Answer, ResourceRequest } from './registry/request.ts'
import { ResourceTable } from './registry/resource-table.ts'
import type { ServedName } from './registry/served-resource.ts'
import { allSubresources } from './registry/subresources/order.ts'
import type { CreateToken } from './registry/subresources/token.ts'
import { interpretStoreFailure } from './registry/store-failure.ts'
import type { WriteHooks } from './registry/write-hooks.ts'
import { defaultsSince } from './storage/defaults-mark.ts'
import { StoreFeed } from './storage/store-feed.ts'
import { createServiceResolver } from './webhook/service-resolver.ts'
import { WebhookClient } from './webhook/webhook-client.ts'

/** All that carries out requests, without a network. */
export interface RequestPipeline {
  readonly parts: ServerParts
  readonly security: Security
  readonly table: ResourceTable
  readonly admission: AdmissionChain
  readonly allocators: ServiceAllocators
  readonly feed: StoreFeed
  readonly metrics: Metrics
  readonly aggregator: Aggregator
  readonly proxy: ProxyContext
  /** Absent where requests are limited by their number alone. */
  readonly flowControl: FlowControl | undefined
  /** Authorises and carries out. */
  handle(request: ResourceRequest, auditor?: Auditor): Promise<Answer>
  /** Carries out what has been authorised. */
  carryOut(request: ResourceRequest): Promise<Answer>
  close(): void
}

/** Reads the store, and makes everything from authorisation to storage of the options. */
export async function createRequestPipeline(options: ApiServerOptions): Promise<RequestPipeline> {
  const { store, clock, random, log, definitions, serviceCidrs, metrics = createMetrics() } = options
  const { isServed, featureGates = defaultFeatureGates } = options
  const defaultsAt = await defaultsSince(store)
  const feed = await StoreFeed.open(store, clock, log)
  const nodePortRange = options.nodePortRange ?? defaultNodePortRange
  const allocators = new ServiceAllocators({
    store,
    feed,
    random,
    clock,
    log,
    objects: () => objects,
    serviceCidrs,
    nodePortRange,
  })
  const hooks = new Map<string, WriteHooks>([
    ['services', serviceHooks(() => allocators)],
    ['namespaces', namespaceHooks],
    ['resourceclaims.resource.k8s.io', claimHooks(() => objects)],
    ['resourceclaimtemplates.resource.k8s.io', claimTemplateHooks(() => objects)],
    ['customresourcedefinitions.apiextensions.k8s.io', definitionHooks],
  ])
  const admission = new AdmissionChain(metrics, clock)
  // Security is made of the objects, which are served by registries that ask it: it comes last.
  let security: Security | undefined
  const createToken: CreateToken = (...request) => {
    if (!security?.createToken) throw resourceNotFound()
    return security.createToken(...request)
  }
  const table: ResourceTable = new ResourceTable(
    { store, feed, clock, random, admission, defaultsSince: defaultsAt },
    allSubresources(() => table, createToken),
    hooks,
    isServed,
  )
  for (const definition of definitions) table.add(withoutDisabledFields(definition, featureGates))
  const objects = new ObjectsView(table, log)
  const resolve = createServiceResolver(objects, random)
  const webhooks = new WebhookClient({ resolve, clock, metrics })
  const identity = options.frontProxyClient ?? {}
  const aggregator = new Aggregator({ objects, table, resolve, identity, clock, log })
  const proxy = { apis: aggregator.apis, resolve, identity, agents: aggregator.agents }
  security = options.security(objects, {
    webhooks,
    metrics,
    log,
    servedKind: (name) => table.all().find(({ resource }) => isNamed(resource, name)),
  })
  const { authorizer, responders = [] } = security
  admission.use(security.admission)
  table.addReporter(componentStatusReporter(store, options.components ?? (() => [])))
  const nodeMetrics = createMetricsReporters({ objects, identity: options.kubeletClient ?? {}, clock, log })
  const hasNodes = table.findRegistry(nodes) !== undefined && table.findRegistry(pods) !== undefined
  if (hasNodes) for (const reporter of nodeMetrics.reporters) table.addReporter(reporter)
  for (const responder of [bindingResponder(() => table), ...responders]) table.addResponder(responder)

  async function carryOut(request: ResourceRequest): Promise<Answer> {
    try {
      return await dispatch(table, request, {
        async authorizeCreate(name) {
          await authorize(authorizer, { ...attributesOf(request), verb: 'create', name })
        },
        whyRefused: (other) => whyRefused(authorizer, { ...attributesOf(request), ...other }),
      })
    } catch (error) {
      throw failureOf(error, request)
    }
  }

  /** What the client is told; a fault of ours is logged, too. */
  function failureOf(
    caught: unknown,
    { verb, group, resource, namespace, name }: ResourceRequest,
  ): StatusError {
    const error = interpretStoreFailure(caught)
    if (error instanceof StatusError) return error
    const text = error instanceof Error ? error.stack : String(error)
    log.error('request failed', {
      verb,
      resource: groupResource({ group, resource }),
      namespace,
      name,
      error: text,
    })
    return from(error)
  }

  async function carryOutAuthorized(request: ResourceRequest, record?: AuditRecord): Promise<Answer> {
    await authorize(authorizer, attributesOf(request), record)
    const api = aggregator.apis.find(request.group, request.version)
    if (!api) return carryOut(request)
    const { carryOutRemotely } = await import('./aggregation/carry-out.ts')
    return carryOutRemotely(request, api, proxy)
  }

  return {
    parts: { objects, authorizer, webhooks, clock, random, log },
    security,
    table,
    admission,
    allocators,
    feed,
    metrics,
    aggregator,
    proxy,
    flowControl: createFlowControl(options, table, objects, metrics),
    carryOut,
    async handle(request, auditor) {
      const normal = inItsNamespace(request)
      if (!auditor) return carryOutAuthorized(normal)
      const { recordRequest } = await import('./audit/record-requests.ts')
      return recordRequest(auditor, normal, attributesOf(normal), carryOutAuthorized)
    },
    close() {
      security.close?.()
      nodeMetrics.close()
      aggregator.close()
      webhooks.close()
      for (const registry of table.registries()) registry.close()
      allocators.close()
      feed.close()
    },
  }
}

function createFlowControl(
  { clock, maxInFlight, priorityAndFairness = true }: ApiServerOptions,
  table: ResourceTable,
  objects: ObjectsView,
  metrics: Metrics,
): FlowControl | undefined {
  const kinds = [flowSchemas, priorityLevelConfigurations]
  if (!priorityAndFairness || !kinds.every((kind) => table.findRegistry(kind))) return undefined
  return new FlowControl({
    objects,
    serverSeats: totalInFlight(maxInFlight),
    statistics(info) {
      const cache = table.findRegistry(info)?.cache
      if (!cache || cache.size === 0) return undefined
      return { count: cache.size, averageBytes: cache.bytes / cache.size }
    },
    clock,
    metrics,
  })
}

/** A namespace counts as being in itself, as in its URL. */
function inItsNamespace(request: ResourceRequest): ResourceRequest {
  const isNamespace = request.group === '' && request.resource === 'namespaces' && request.name !== ''
  return isNamespace ? { ...request, namespace: request.name } : request
}

/** What authorisers are asked about a request that did not come with a URL. */
function attributesOf(request: ResourceRequest): Attributes {
  const { user, verb, group, version, resource, subresource, namespace } = request
  const attributes = {
    user,
    verb,
    isResourceRequest: true,
    group,
    version,
    resource,
    subresource,
    namespace,
    name: request.name,
    path: '',
  }
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return attributes
  const { fieldSelector, labelSelector } =
    request.verb === 'deletecollection' ? request.listOptions : request.options
  return {
    ...attributes,
    name: verb === 'deletecollection' ? '' : nameIn(fieldSelector),
    ...(fieldSelector && { fieldSelector }),
    ...(labelSelector && { labelSelector }),
  }
}

function nameIn(fieldSelector: string | undefined): string {
  if (!fieldSelector) return ''
  try {
    return requiredFieldValue(parseFieldSelector(fieldSelector), 'metadata.name') ?? ''
  } catch (error) {
    if (error instanceof SelectorError) return ''
    throw error
  }
}

function isNamed(resource: Resource, name: ServedName): boolean {
  if (resource.group !== name.group || resource.version !== name.version) return false
  return 'kind' in name ? resource.kind === name.kind : resource.resource === name.resource
}
