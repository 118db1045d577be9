import type { Random } from '../../machinery/random.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { isTrue } from '../http/parse-request-info.ts'
import type { Objects } from '../objects.ts'
import type { RequestInfo } from '../request-info.ts'
import { BackendAgents, type Backend, type TlsIdentity } from './backend.ts'
import { resourceNotFound } from '../registry/dispatch.ts'
import { containerOf, kubeletOf, podOf } from './node-location.ts'
import { logQuery, streamLogs } from './pod-logs.ts'
import { proxyRequest } from './proxy-request.ts'
import { createProxyTargets, type ProxyTargets } from './proxy-target.ts'
import { upgradeThrough } from './upgrade-through.ts'

/** Which subresources are connections to somewhere else, with the verbs that discovery tells of them. */
export const connectSubresources: Readonly<Record<string, readonly string[]>> = {
  'pods/log': ['get'],
  'pods/exec': ['create', 'get'],
  'pods/attach': ['create', 'get'],
  'pods/portforward': ['create', 'get'],
  'pods/proxy': ['create', 'delete', 'get', 'patch', 'update'],
  'services/proxy': ['create', 'delete', 'get', 'patch', 'update'],
  'nodes/proxy': ['create', 'delete', 'get', 'patch', 'update'],
}

/** Carries requests to kubelets, pods and services, admitted before. */
export class Connector {
  readonly #objects: Objects
  readonly #identity: TlsIdentity
  readonly #targets: ProxyTargets
  readonly #agents = new BackendAgents()

  /** `identity`: who the API server is to kubelets. */
  constructor(objects: Objects, random: Random, identity: TlsIdentity) {
    this.#objects = objects
    this.#identity = identity
    this.#targets = createProxyTargets(objects, random, identity)
  }

  async connect(request: HttpRequest, info: RequestInfo): Promise<HttpReply> {
    const { namespace, name } = info
    switch (`${info.resource}/${info.subresource}`) {
      case 'pods/log':
        return this.#log(request, info)
      case 'pods/exec':
        return this.#stream(request, info, 'exec')
      case 'pods/attach':
        return this.#stream(request, info, 'attach')
      case 'pods/portforward':
        return this.#stream(request, info, 'portForward')
      case 'pods/proxy':
        return this.#proxy(request, info, await this.#targets.pod(namespace, name))
      case 'services/proxy':
        return this.#proxy(request, info, this.#targets.service(namespace, name))
      case 'nodes/proxy':
        // Rights in a namespace were asked about, where a path names one.
        if (namespace !== '') throw resourceNotFound()
        return this.#proxy(request, info, this.#targets.node(name))
      default:
        throw new Error(`${info.resource}/${info.subresource} is no connection`)
    }
  }

  close(): void {
    this.#agents.close()
  }

  async #log(request: HttpRequest, { namespace, name }: RequestInfo): Promise<HttpReply> {
    const query = logQuery(request.query)
    const pod = await podOf(this.#objects, namespace, name)
    const container = containerOf(pod, request.query.get('container') ?? '')
    const nodeName = pod.spec?.nodeName
    // A pod without a node has said nothing yet.
    if (!nodeName) return { status: 204, headers: {} }
    const kubelet = kubeletOf(this.#objects, nodeName, this.#identity)
    const target = `/containerLogs/${namespace}/${name}/${container}${suffixOf(query)}`
    return streamLogs(request, kubelet, target, name, this.#agents)
  }

  async #stream(
    request: HttpRequest,
    { namespace, name }: RequestInfo,
    endpoint: 'exec' | 'attach' | 'portForward',
  ): Promise<HttpReply> {
    const { query } = request
    if (query.has('dryRun')) throw badRequest('dryRun is not supported')
    const pod = await podOf(this.#objects, namespace, name)
    const container = endpoint === 'portForward' ? '' : containerOf(pod, query.get('container') ?? '')
    const nodeName = pod.spec?.nodeName
    if (!nodeName) throw badRequest(`pod ${name} does not have a host assigned`)
    const kubelet = kubeletOf(this.#objects, nodeName, this.#identity)
    if (!request.upgrade) throw badRequest('Upgrade request required')
    const passed = endpoint === 'portForward' ? portQuery(query) : streamQuery(query, endpoint)
    const path = [endpoint, namespace, name, container].filter((part) => part !== '').join('/')
    return upgradeThrough(request, kubelet, `/${path}${suffixOf(passed)}`)
  }

  async #proxy(request: HttpRequest, info: RequestInfo, backend: Backend): Promise<HttpReply> {
    const { prefix, path, search } = proxiedPath(request.url, info)
    if (request.upgrade) return upgradeThrough(request, backend, `${path || '/'}${search}`)
    if (path === '' && (request.method === 'GET' || request.method === 'HEAD')) {
      return { status: 301, headers: { location: `${prefix}/${search}`, 'content-length': 0 } }
    }
    return proxyRequest(request, { backend, path: `${path || '/'}${search}`, prefix }, this.#agents)
  }
}

/** What of a URL is for the backend: what stands behind `.../<name>/proxy`, as it was sent. */
function proxiedPath(url: string, { path, parts }: RequestInfo) {
  const question = url.indexOf('?')
  const sent = question < 0 ? url : url.slice(0, question)
  const ownSegments = path.split('/').filter((segment) => segment !== '').length - (parts.length - 3)
  const prefix = new RegExp(`^(?:/+[^/]+){${ownSegments}}`).exec(sent)?.[0] ?? sent
  return { prefix, path: sent.slice(prefix.length), search: question < 0 ? '' : url.slice(question) }
}

/** The kubelet's parameters for exec and attach, of the client's. */
function streamQuery(query: URLSearchParams, endpoint: 'exec' | 'attach'): URLSearchParams {
  const passed = new URLSearchParams()
  const streams = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' }
  for (const [name, parameter] of Object.entries(streams)) {
    if (isTrue(query.get(name))) passed.set(parameter, '1')
  }
  if (endpoint === 'exec') for (const part of query.getAll('command')) passed.append('command', part)
  return passed
}

/** Ports that WebSocket clients name up front. */
function portQuery(query: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams()
  for (const port of query.getAll('ports')) passed.append('port', port)
  return passed
}

function suffixOf(query: URLSearchParams): string {
  return query.size === 0 ? '' : `?${query.toString()}`
}
