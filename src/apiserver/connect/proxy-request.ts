import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import type { ByteSink, HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { originOf, tlsOptions, type Backend, type BackendAgents } from './backend.ts'
import { answeredHeaders, forwardedHeaders, type ForwardedHeaders } from './forwarded-headers.ts'
import { rewriteLinks, rewriteUrl, type LinkTarget } from './rewrite-links.ts'

/** HTML pages up to this size have their links rewritten; larger ones pass as they are. */
const maxRewrittenBytes = 16 * 1024 * 1024

export interface ProxyTarget {
  readonly backend: Backend
  /** Path and query at the backend. */
  readonly path: string
  /** Path under which the backend's root is reached through this server. */
  readonly prefix: string
}

/** Passes a request on and its answer back. Source: k8s.io/apimachinery/pkg/util/proxy. */
export async function proxyRequest(
  request: HttpRequest,
  target: ProxyTarget,
  agents: BackendAgents,
): Promise<HttpReply> {
  const { backend, path, prefix } = target
  const links: LinkTarget = { prefix, backendHost: `${backend.host}:${backend.port}` }
  const headers = forwardedHeaders(request, false)
  headers['x-forwarded-uri'] = prefix.replace(/\/$/, '') + path.split('?', 1)[0]!
  const response = await send(request, backend, path, headers, agents).catch((error: Error) => {
    throw serviceUnavailable(`error trying to reach service: ${error.message}`)
  })
  const answered = answeredHeaders(response.headers)
  const status = response.statusCode ?? 502
  const location = answered['location']
  if (typeof location === 'string') answered['location'] = rewriteUrl(location, links)
  const isPage = /^text\/html\s*(;|$)/.test(response.headers['content-type'] ?? '')
  if (isPage && !location && !response.headers['content-encoding']) {
    return rewrittenPage(response, status, answered, links)
  }
  return { status, headers: answered, body: (sink) => passOn(response, sink) }
}

/** Sends a request on, with its body as it comes. */
export function send(
  request: HttpRequest,
  backend: Backend,
  path: string,
  headers: ForwardedHeaders,
  agents: BackendAgents,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = backend.scheme === 'https' ? httpsRequest : httpRequest
    const outgoing = open(
      `${originOf(backend)}${path}`,
      {
        method: request.method,
        headers,
        agent: agents.for(backend),
        ...(backend.scheme === 'https' && tlsOptions(backend)),
      },
      resolve,
    )
    outgoing.once('error', reject)
    request.signal.addEventListener('abort', () => outgoing.destroy(), { once: true })
    request.bodyStream.pipe(outgoing)
  })
}

export async function passOn(response: IncomingMessage, sink: ByteSink): Promise<void> {
  sink.onClose(() => response.destroy())
  try {
    for await (const chunk of response) await sink.write(chunk as Buffer)
  } catch (error) {
    if (!sink.closed) throw error
  }
}

async function rewrittenPage(
  response: IncomingMessage,
  status: number,
  headers: ForwardedHeaders,
  links: LinkTarget,
): Promise<HttpReply> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxRewrittenBytes) {
      return {
        status,
        headers,
        body: async (sink) => {
          for (const read of chunks) await sink.write(read)
          await passOn(response, sink)
        },
      }
    }
  }
  const body = Buffer.from(rewriteLinks(Buffer.concat(chunks).toString(), links))
  return { status, headers: { ...headers, 'content-length': body.length }, body }
}
