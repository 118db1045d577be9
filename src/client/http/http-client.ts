import { readFile } from 'node:fs/promises'
import type { OutgoingHttpHeaders, SecureClientSessionOptions } from 'node:http2'
import { systemClock, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { KubernetesObject, ObjectList, Status, WatchEvent, Writable } from '../../machinery/meta.ts'
import { systemRandom, type Random } from '../../machinery/random.ts'
import { apiVersionOf, type ObjectName, type Resource } from '../../machinery/resource.ts'
import { fromStatus } from '../../machinery/status-errors.ts'
import type { Client, ListOptions, Patch, WatchOptions, WriteOptions } from '../client.ts'
import { impersonationHeaders, tokenFromFile, type Impersonation, type TokenSource } from './credentials.ts'
import { createExchange, type Exchange, type Request } from './exchange.ts'
import { createLineSplitter } from './json-lines.ts'
import { queryString, resourcePath } from './resource-path.ts'
import { createRequestMetrics } from './request-metrics.ts'
import { unreachable } from './unreachable.ts'
import { createSessionPool } from './session-pool.ts'
import { createWarningLog } from './warning-log.ts'

export interface HttpClientOptions {
  /** `https://host:port`, with a path where the API is behind one; `http://` speaks HTTP/2 without TLS. */
  readonly server: string
  /**
   * Further API servers of the same cluster, by which to go on where `server` cannot be reached; a path is the same for
   * all.
   */
  readonly otherServers?: readonly string[]
  /** PEM. The system's authorities when neither this nor caFile is given. */
  readonly caData?: string
  readonly caFile?: string
  /** PEM. Files are read again for each connection. */
  readonly certData?: string
  readonly certFile?: string
  readonly keyData?: string
  readonly keyFile?: string
  /** The name the server's certificate must have, where it is not that in `server`. */
  readonly tlsServerName?: string
  readonly insecureSkipTlsVerify?: boolean
  /** Bearer token; `tokenFile` is read again every minute. */
  readonly token?: string | TokenSource
  readonly tokenFile?: string
  readonly impersonate?: Impersonation
  readonly userAgent?: string
  readonly clock?: Clock
  readonly random?: Random
  /** Where warnings of the API server go, each once; nowhere when absent. */
  readonly log?: Logger
  /** Where requests are counted; nowhere when absent. */
  readonly metrics?: Metrics
  /** Connections at most, each with as many streams as the server takes. Default 4. */
  readonly maxSessions?: number
  /** Without an answer for this long, a request fails. Default 60 s. Watches are not limited. */
  readonly requestTimeoutMs?: number
  /** Default 10 s; 5 s where there are other servers to go to. */
  readonly connectTimeoutMs?: number
  /**
   * How often a connection is asked for a sign of life (default 30 s) and how long it has to answer (15 s); 5 s each
   * where there are other servers to go to.
   */
  readonly pingIntervalMs?: number
  readonly pingTimeoutMs?: number
}

export interface HttpClient extends Client {
  /** Uses new connections (and thereby rotated certificates) for everything from now on. */
  reconnect(): void
  /** Cuts all connections; every later call fails. */
  close(): void
}

/** A Client over HTTP/2. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock = systemClock, random = systemRandom, requestTimeoutMs = 60_000 } = options
  const url = new URL(options.server)
  const prefix = url.pathname.replace(/\/+$/, '')
  const servers = [url, ...(options.otherServers ?? []).map((other) => new URL(other))].map(
    ({ origin }) => origin,
  )
  const [pingIntervalMs, pingTimeoutMs] = servers.length > 1 ? [5_000, 5_000] : [30_000, 15_000]
  const pool = createSessionPool({
    servers,
    tls: () => tlsOptions(options),
    clock,
    maxSessions: options.maxSessions ?? 4,
    pingIntervalMs: options.pingIntervalMs ?? pingIntervalMs,
    pingTimeoutMs: options.pingTimeoutMs ?? pingTimeoutMs,
    connectTimeoutMs: options.connectTimeoutMs ?? (servers.length > 1 ? 5_000 : 10_000),
  })
  const metrics = options.metrics && createRequestMetrics(options.metrics, clock, url.host)
  const exchange = createExchange(pool, {
    server: url.origin,
    clock,
    random,
    requestTimeoutMs,
    ...(metrics && { metrics }),
    ...(options.log && { warned: createWarningLog(options.log) }),
  })
  const http = createTransport(exchange, prefix, options, clock)
  const json = async <T>(request: RequestLine) => JSON.parse(await http.text(request)) as T

  return {
    get: (resource, { namespace, name }, query = {}) =>
      json({ method: 'GET', path: resourcePath(resource, { namespace, name }) + queryString({ ...query }) }),

    async list<T extends KubernetesObject>(resource: Resource<T>, list: ListOptions = {}) {
      const { namespace, metadataOnly, signal, ...query } = list
      const path = resourcePath(resource, { namespace }) + queryString(query)
      const accept = metadataOnly ? partialObjectMetadata('List') : undefined
      const answer = await json<Writable<ObjectList<T>>>({ method: 'GET', path, accept, signal })
      return withTypes(resource, answer as ObjectList<T>)
    },

    watch: (resource, watch) => watchEvents(http, resource, watch),

    create: (resource, object, query = {}) =>
      json({
        method: 'POST',
        path: resourcePath(resource, { namespace: object.metadata?.namespace }) + queryString({ ...query }),
        body: withType(resource, object),
      }),

    update: (resource, object, { subresource = '', ...query } = {}) =>
      json({
        method: 'PUT',
        path: resourcePath(resource, { ...nameOf(object), subresource }) + queryString(query),
        body: withType(resource, object),
      }),

    patch: (resource, { namespace, name }, patch, { subresource = '', ...query } = {}) =>
      json({
        method: 'PATCH',
        path: resourcePath(resource, { namespace, name, subresource }) + queryString(query),
        contentType: patchTypes[patch.type],
        body: patchBody(patch),
      }),

    delete: (resource, { namespace, name }, query = {}) =>
      json({
        method: 'DELETE',
        path: resourcePath(resource, { namespace, name }),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', ...query },
      }),

    deleteCollection: <T extends KubernetesObject>(
      resource: Resource<T>,
      query: Parameters<Client['deleteCollection']>[1] = {},
    ): Promise<ObjectList<T> | Status> => {
      const { namespace, labelSelector, fieldSelector, limit, signal, ...rest } = query
      const { continue: token, resourceVersion, resourceVersionMatch, metadataOnly: _, ...deletion } = rest
      const selection = { labelSelector, fieldSelector, limit, continue: token }
      const parameters = queryString({ ...selection, resourceVersion, resourceVersionMatch })
      return json({
        method: 'DELETE',
        path: resourcePath(resource, { namespace }) + parameters,
        body: { apiVersion: 'v1', kind: 'DeleteOptions', ...deletion },
        signal,
      })
    },

    createSubresource: (resource, name, subresource, body, query) =>
      json({ method: 'POST', path: subresourcePath(resource, name, subresource, query), body }),

    getSubresource: (resource, name, subresource) =>
      json({ method: 'GET', path: subresourcePath(resource, name, subresource) }),

    updateSubresource: (resource, name, subresource, body, query) =>
      json({ method: 'PUT', path: subresourcePath(resource, name, subresource, query), body }),

    raw: (path, { accept = 'application/json, */*', signal } = {}) =>
      http.text({ method: 'GET', path, accept, signal }),

    reconnect: () => pool.reconnect(),
    close: () => pool.close(),
  }
}

interface RequestLine {
  readonly method: Request['method']
  readonly path: string
  readonly body?: unknown
  readonly accept?: string | undefined
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
}

interface Transport {
  text(line: RequestLine): Promise<string>
  open(line: RequestLine): ReturnType<Exchange['open']>
}

/** Adds what is the same for all requests of one client. */
function createTransport(
  exchange: Exchange,
  prefix: string,
  options: HttpClientOptions,
  clock: Clock,
): Transport {
  const token = tokenSource(options, clock)
  const fixed = {
    'user-agent': options.userAgent ?? 'k8ts',
    ...impersonationHeaders(options.impersonate),
  }
  async function toRequest(line: RequestLine): Promise<Request> {
    const bearer = await token()
    const headers: OutgoingHttpHeaders = { ...fixed, accept: line.accept ?? 'application/json' }
    if (bearer) headers['authorization'] = `Bearer ${bearer}`
    if (line.body !== undefined) headers['content-type'] = line.contentType ?? 'application/json'
    return {
      method: line.method,
      path: prefix + line.path,
      headers,
      ...(line.body !== undefined && { body: JSON.stringify(line.body) }),
      signal: line.signal,
    }
  }
  return {
    text: async (line) => exchange.text(await toRequest(line)),
    open: async (line) => exchange.open(await toRequest(line)),
  }
}

function tokenSource({ token, tokenFile }: HttpClientOptions, clock: Clock): TokenSource {
  if (typeof token === 'function') return token
  return tokenFile && token === undefined ? tokenFromFile(tokenFile, clock) : async () => token
}

async function tlsOptions(options: HttpClientOptions): Promise<SecureClientSessionOptions> {
  const read = async (data: string | undefined, file: string | undefined) =>
    data ?? (file === undefined ? undefined : await readFile(file, 'utf8'))
  const ca = await read(options.caData, options.caFile)
  const cert = await read(options.certData, options.certFile)
  const key = await read(options.keyData, options.keyFile)
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(options.tlsServerName !== undefined && { servername: options.tlsServerName }),
    rejectUnauthorized: options.insecureSkipTlsVerify !== true,
  }
}

async function* watchEvents<T extends KubernetesObject>(
  http: Transport,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const { namespace, metadataOnly, signal, ...query } = options
  if (signal.aborted) return
  const path = resourcePath(resource, { namespace }) + queryString({ watch: true, ...query })
  const accept = metadataOnly ? partialObjectMetadata('') : undefined
  const lines = createLineSplitter()
  let close: (() => void) | undefined
  try {
    const response = await http.open({ method: 'GET', path, accept, signal })
    close = response.close
    for await (const chunk of response.stream) {
      for (const line of lines.push(chunk as Buffer)) {
        const event = JSON.parse(line) as WatchEvent<T>
        if (event.type === 'ERROR') throw fromStatus(event.object)
        yield event
        if (signal.aborted) return
      }
    }
    if (lines.unfinished && !signal.aborted) throw new Error('the watch ended within an event')
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof Error && 'status' in error) throw error
    throw unreachable(`watch ${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  } finally {
    close?.()
  }
}

const patchTypes: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

function patchBody(patch: Patch): unknown {
  return patch.type === 'json' ? patch.operations : patch.body
}

function partialObjectMetadata(suffix: 'List' | ''): string {
  return `application/json;as=PartialObjectMetadata${suffix};g=meta.k8s.io;v=v1, application/json`
}

function subresourcePath(
  resource: Resource,
  { namespace, name }: ObjectName,
  subresource: string,
  query: WriteOptions = {},
): string {
  return resourcePath(resource, { namespace, name, subresource }) + queryString({ ...query })
}

function nameOf({ metadata }: KubernetesObject): {
  readonly namespace: string | undefined
  readonly name: string
} {
  return { namespace: metadata?.namespace, name: metadata?.name ?? '' }
}

/** The body of a write says its kind, also where the caller's object leaves it out. */
function withType<T extends KubernetesObject>(resource: Resource<T>, object: T): T {
  if (object.apiVersion && object.kind) return object
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }
}

/** Items of a list come without their type; these are fresh, nobody else holds them yet. */
function withTypes<T extends KubernetesObject>(resource: Resource<T>, list: ObjectList<T>): ObjectList<T> {
  const apiVersion = apiVersionOf(resource)
  if (list.items === null || list.items === undefined) return { ...list, items: [] }
  for (const item of list.items as readonly Writable<KubernetesObject>[]) {
    item.apiVersion ??= apiVersion
    item.kind ??= resource.kind
  }
  return list
}
