import type { KubernetesObject } from '../../machinery/meta.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import type { AdmissionRequest } from '../admission/plugin.ts'
import { attributesOf } from '../authorization/attributes.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { connectSubresources, type Connector } from '../connect/connector.ts'
import type { AdmissionChain } from '../registry/admission-chain.ts'
import { resourceNotFound, verbNotAllowed } from '../registry/dispatch.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import { authorize, type ApiCall, type Endpoint } from './api-handler.ts'
import type { HttpReply } from './http-exchange.ts'
import type { InFlight } from './in-flight.ts'
import { isTrue } from './parse-request-info.ts'
import type { RequestMetrics } from './request-metrics.ts'

export interface ConnectEndpointOptions {
  readonly table: ResourceTable
  readonly connector: Connector
  readonly admission: AdmissionChain
  readonly authorizer: Authorizer
  readonly metrics: RequestMetrics
  readonly inFlight: InFlight
}

/** Serves the subresources that are connections: logs, exec, attach, port forwarding, proxies. */
export function connectEndpoint(options: ConnectEndpointOptions): Endpoint {
  return (call) => {
    const { group, resource, subresource } = call.info
    const path = `${resource}/${subresource}`
    if (group !== '' || !Object.hasOwn(connectSubresources, path)) return undefined
    return serveConnection(options, call, path)
  }
}

async function serveConnection(
  options: ConnectEndpointOptions,
  call: ApiCall,
  path: string,
): Promise<HttpReply> {
  const { table, connector, metrics, inFlight } = options
  const { request, info } = call
  if (!table.find(info)) throw resourceNotFound()
  if (!isServed(path, info.verb, request.method)) throw verbNotAllowed()
  if (request.query.has('dryRun') && path !== 'pods/log') throw badRequest('dryRun is not supported')
  await authorizeWebSocket(options, call, path)
  if (path !== 'pods/log') await admit(options, call, path)
  const reply = await connector.connect(request, info)
  const { body, takeOver } = reply
  const run = async (work: () => Promise<void>, cut: () => void) => {
    const finish = metrics.beginLongRunning(request, info)
    const unregister = inFlight.onDrain(cut)
    try {
      await work()
    } finally {
      unregister()
      finish()
    }
  }
  if (takeOver) {
    return {
      ...reply,
      takeOver: (upgrade) =>
        run(
          () => takeOver(upgrade),
          () => upgrade.socket.destroy(),
        ),
    }
  }
  if (typeof body !== 'function') return reply
  return {
    ...reply,
    body: (sink) =>
      run(
        () => body(sink),
        () => sink.close(),
      ),
  }
}

/** Proxies pass on OPTIONS too, which is no verb of the API. */
function isServed(path: string, verb: string, method: string): boolean {
  return connectSubresources[path]!.includes(verb) || (method === 'OPTIONS' && path.endsWith('/proxy'))
}

const streamingPaths = new Set(['pods/exec', 'pods/attach', 'pods/portforward'])

/** WebSockets begin with GET, but running a command is no reading. */
async function authorizeWebSocket(
  { authorizer }: ConnectEndpointOptions,
  { request, info, user }: ApiCall,
  path: string,
): Promise<void> {
  if (request.upgrade?.protocol !== 'websocket' || info.verb !== 'get' || !streamingPaths.has(path)) return
  await authorize(authorizer, { ...attributesOf(info, user), verb: 'create' })
}

async function admit(
  { admission, table }: ConnectEndpointOptions,
  { request, info, user, warn }: ApiCall,
  path: string,
): Promise<void> {
  const served = table.find(info)!
  const admissionRequest: AdmissionRequest = {
    operation: 'CONNECT',
    resource: served.resource,
    subresource: info.subresource,
    served,
    kind: { group: '', version: 'v1', kind: optionKinds[path]! },
    namespace: info.namespace,
    name: info.name,
    options: connectOptions(path, request.query, info.parts.slice(3).join('/')),
    dryRun: false,
    user,
    warn,
  }
  await admission.mutate(admissionRequest)
  await admission.validate(admissionRequest)
}

const optionKinds: Readonly<Record<string, string>> = {
  'pods/exec': 'PodExecOptions',
  'pods/attach': 'PodAttachOptions',
  'pods/portforward': 'PodPortForwardOptions',
  'pods/proxy': 'PodProxyOptions',
  'services/proxy': 'ServiceProxyOptions',
  'nodes/proxy': 'NodeProxyOptions',
}

/** What admission sees of the request: the options of core/v1 for the kind of connection. */
function connectOptions(path: string, query: URLSearchParams, rest: string): KubernetesObject {
  const type = { kind: optionKinds[path]!, apiVersion: 'v1' }
  switch (path) {
    case 'pods/portforward': {
      const ports = query.getAll('ports').map(Number)
      return { ...type, ...(ports.length > 0 && { ports }) }
    }
    case 'pods/exec':
    case 'pods/attach': {
      const streams = Object.fromEntries(
        ['stdin', 'stdout', 'stderr', 'tty']
          .filter((name) => isTrue(query.get(name)))
          .map((name) => [name, true]),
      )
      const container = query.get('container')
      const command = query.getAll('command')
      return {
        ...type,
        ...streams,
        ...(container && { container }),
        ...(path === 'pods/exec' && { command }),
      }
    }
    default: {
      const options = { ...type, path: `/${rest}` }
      return options
    }
  }
}
