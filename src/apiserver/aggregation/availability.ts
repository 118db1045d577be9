import type { APIServiceCondition } from '../../api/generated/apiregistration.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { apiServices, endpointSlices, services } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import { setCondition } from '../../machinery/conditions.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { Writable } from '../../machinery/meta.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { originOf, type BackendAgents, type TlsIdentity } from '../connect/backend.ts'
import type { Objects } from '../objects.ts'
import { describeFailure } from '../webhook/call-error.ts'
import type { ServiceResolver } from '../webhook/service-resolver.ts'
import type { RemoteApi } from './remote-apis.ts'
import { backendOf, fetchFrom } from './remote-server.ts'

export interface AvailabilityContext {
  readonly objects: Objects
  readonly resolve: ServiceResolver
  readonly identity: TlsIdentity
  readonly agents: BackendAgents
  readonly clock: Clock
}

type Verdict = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>

/** Looks whether a remote API can be used, and says so in its status. Source: kube-aggregator/pkg/controllers/status/remote. */
export async function checkAvailability(api: RemoteApi, context: AvailabilityContext): Promise<boolean> {
  const verdict = faultOfService(api, context.objects) ?? (await tryDiscovery(api, context)) ?? passed
  await writeCondition(api, verdict, context)
  return verdict.status === 'True'
}

const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' }

function faultOfService({ service }: RemoteApi, objects: Objects): Verdict | undefined {
  const { namespace, name, port } = service
  const text = `service/${name} in ${goQuote(namespace)}`
  const unavailable = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })
  const found = objects.get(services, { namespace, name })
  if (!found) return unavailable('ServiceNotFound', `${text} is not present`)
  if ((found.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const servicePort = found.spec?.ports?.find((candidate) => candidate.port === port)
  if (!servicePort) return unavailable('ServicePortError', `${text} is not listening on port ${port}`)
  const slices = objects
    .list(endpointSlices, namespace)
    .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
  if (slices.length === 0) {
    return unavailable('EndpointsNotFound', `cannot find endpointslices for ${text}`)
  }
  const portName = servicePort.name ?? ''
  if (!slices.some((slice) => hasEndpoint(slice, portName))) {
    const detail = `endpointslices for ${text} have no addresses with port name ${goQuote(portName)}`
    return unavailable('MissingEndpoints', detail)
  }
  return undefined
}

function hasEndpoint({ endpoints, ports = [] }: EndpointSlice, portName: string): boolean {
  return (
    (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
    ports.some(({ name = '', port }) => name === portName && port)
  )
}

const discoveryAttempts = 5
const discoveryTimeoutMs = 5000

/** One endpoint that answers is enough. */
async function tryDiscovery(api: RemoteApi, context: AvailabilityContext): Promise<Verdict | undefined> {
  let lastFault = ''
  for (let attempt = 0; attempt < discoveryAttempts; attempt++) {
    const fault = await discoveryFault(api, context)
    if (fault === undefined) return undefined
    lastFault = fault
  }
  return { status: 'False', reason: 'FailedDiscoveryCheck', message: lastFault }
}

async function discoveryFault(
  api: RemoteApi,
  { resolve, identity, agents, clock }: AvailabilityContext,
): Promise<string | undefined> {
  const path = api.group === '' ? `/api/${api.version}` : `/apis/${api.group}/${api.version}`
  let url = path
  try {
    const backend = backendOf(api, resolve, identity, { verified: false })
    url = `${originOf(backend)}${path}`
    try {
      const { status } = await fetchFrom(backend, path, { timeoutMs: discoveryTimeoutMs, clock, agents })
      if (status >= 200 && status < 300) return undefined
      return `failing or missing response from ${url}: bad status from ${url}: ${status}`
    } catch (error) {
      const { host, port } = backend
      const detail = describeFailure(error, { host, port, serverName: '' }, clock)
      return `failing or missing response from ${url}: Get ${goQuote(url)}: ${detail}`
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function writeCondition(
  api: RemoteApi,
  verdict: Verdict,
  { objects, clock }: AvailabilityContext,
): Promise<void> {
  const condition = { type: 'Available', ...verdict }
  const before = objects.get(apiServices, { name: api.name })?.status?.conditions
  if (setCondition<APIServiceCondition>(before, condition, clock.now()) === before) return
  await objects
    .change(
      apiServices,
      { name: api.name },
      (apiService) => {
        const conditions = setCondition<APIServiceCondition>(
          apiService.status?.conditions,
          condition,
          clock.now(),
        )
        apiService.status = { conditions: conditions as Writable<APIServiceCondition>[] }
      },
      { subresource: 'status' },
    )
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
}
