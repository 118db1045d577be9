import { offeredProtocols } from '../http/accept-websocket.ts'
import type { HttpRequest, RequestHeaders } from '../http/http-exchange.ts'

/** Headers that are about one connection. Source: net/http/httputil, and RFC 9110 section 7.6.1. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What proves who the client is to this server is for nobody behind it. */
function isCredential(name: string): boolean {
  return name === 'authorization' || name.startsWith('impersonate-') || name.startsWith('x-remote-')
}

export type ForwardedHeaders = Record<string, string | string[]>

/** The headers of a request as they are passed on. With `upgrade`, those about the protocol that is wanted stay. */
export function forwardedHeaders(request: HttpRequest, upgrade: boolean): ForwardedHeaders {
  const { headers, remoteAddress } = request
  const dropped = upgrade ? new Set<string>() : hopByHopOf(headers)
  const forwarded: ForwardedHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || dropped.has(name) || isCredential(name)) continue
    forwarded[name] = typeof value === 'string' ? value : [...value]
  }
  // Clients in browsers bring their token as one of these.
  if (forwarded['sec-websocket-protocol'] !== undefined) {
    forwarded['sec-websocket-protocol'] = offeredProtocols(request).join(', ')
  }
  // HTTP/2 has no Host header of its own.
  const authority = headers[':authority']
  if (typeof authority === 'string') forwarded['host'] ??= authority
  const before = forwarded['x-forwarded-for']
  forwarded['x-forwarded-for'] =
    before === undefined ? remoteAddress : `${[before].flat().join(', ')}, ${remoteAddress}`
  return forwarded
}

/** The headers of a backend's answer as the client gets them. */
export function answeredHeaders(headers: RequestHeaders): ForwardedHeaders {
  const dropped = hopByHopOf(headers)
  const answered: ForwardedHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || dropped.has(name)) continue
    answered[name] = typeof value === 'string' ? value : [...value]
  }
  return answered
}

function hopByHopOf(headers: RequestHeaders): ReadonlySet<string> {
  const named = [headers['connection'] ?? []].flat().flatMap((value) => value.split(','))
  return new Set([...hopByHop, ...named.map((name) => name.trim().toLowerCase())])
}
