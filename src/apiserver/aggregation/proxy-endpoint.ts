import type { User } from '../authentication/authenticator.ts'
import type { Backend, BackendAgents, TlsIdentity } from '../connect/backend.ts'
import { answeredHeaders, forwardedHeaders } from '../connect/forwarded-headers.ts'
import { passOn, send } from '../connect/proxy-request.ts'
import { upgradeThrough } from '../connect/upgrade-through.ts'
import type { ApiCall, Endpoint } from '../http/api-handler.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { textReply } from '../http/reply.ts'
import { StatusError } from '../../machinery/status.ts'
import type { ServiceResolver } from '../webhook/service-resolver.ts'
import type { RemoteApi, RemoteApis } from './remote-apis.ts'
import { backendOf, userHeaders } from './remote-server.ts'

export interface ProxyContext {
  readonly apis: RemoteApis
  readonly resolve: ServiceResolver
  /** The front proxy's certificate: who tells remote servers for whom a request is. */
  readonly identity: TlsIdentity
  readonly agents: BackendAgents
}

/** Passes requests for the APIs of other servers on to them. Source: kube-aggregator/pkg/apiserver/handler_proxy.go. */
export function aggregatedEndpoint(context: ProxyContext): Endpoint {
  return (call) => {
    const api = remoteApiOf(call, context.apis)
    return api && serveRemote(call, api, context)
  }
}

function remoteApiOf({ info }: ApiCall, apis: RemoteApis): RemoteApi | undefined {
  if (info.isResourceRequest) return apis.find(info.group, info.version)
  const [root, group, version] = info.path.split('/').filter((segment) => segment !== '')
  return root === 'apis' && group !== undefined && version !== undefined
    ? apis.find(group, version)
    : undefined
}

async function serveRemote(
  { request, user }: ApiCall,
  api: RemoteApi,
  { resolve, identity, agents }: ProxyContext,
): Promise<HttpReply> {
  if (!api.isAvailable) return unavailable('service unavailable')
  let backend: Backend
  try {
    backend = backendOf(api, resolve, identity)
  } catch {
    // Nobody stands behind the service at this moment.
    return unavailable('service unavailable')
  }
  if (request.upgrade) return upgrade(request, user, backend)
  return passRequestOn(request, user, backend, agents)
}

/** What the front proxy says in place of a server that is not there: text, as upstream's. */
function unavailable(message: string): HttpReply {
  return plainReply(503, message)
}

function plainReply(status: number, message: string): HttpReply {
  const reply = textReply(status, `${message}\n`)
  return { ...reply, headers: { ...reply.headers, 'x-content-type-options': 'nosniff' } }
}

async function upgrade(request: HttpRequest, user: User, backend: Backend): Promise<HttpReply> {
  try {
    return await upgradeThrough(request, backend, request.url, userHeaders(user))
  } catch (error) {
    if (error instanceof StatusError) return plainReply(error.status.code === 500 ? 502 : 503, error.message)
    throw error
  }
}

async function passRequestOn(
  request: HttpRequest,
  user: User,
  backend: Backend,
  agents: BackendAgents,
): Promise<HttpReply> {
  const headers = { ...forwardedHeaders(request, false), ...userHeaders(user) }
  let response
  try {
    response = await send(request, backend, request.url, headers, agents)
  } catch (error) {
    return unavailable(`error trying to reach service: ${(error as Error).message}`)
  }
  const status = response.statusCode ?? 502
  // The client would follow with credentials that the other server has no business to see (CVE-2022-3172).
  if (status >= 300 && status < 400 && response.headers.location) {
    response.destroy()
    return plainReply(502, 'the backend attempted to redirect this request, which is not permitted')
  }
  const { 'audit-id': _auditId, ...answered } = answeredHeaders(response.headers)
  return { status, headers: answered, body: (sink) => passOn(response, sink) }
}
