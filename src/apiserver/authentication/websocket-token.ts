import { isUtf8 } from 'node:buffer'
import { unauthorized } from '../../machinery/status-errors.ts'
import type { Credentials } from './authenticator.ts'

const prefix = 'base64url.bearer.authorization.k8s.io.'

/**
 * The bearer token that a browser, which cannot set headers, puts among the subprotocols of a WebSocket; undefined when
 * there is none. Throws Unauthorized for one that cannot be read.
 * Source: k8s.io/apiserver/pkg/authentication/request/websocket.
 */
export function webSocketToken({ headers }: Credentials): string | undefined {
  const offered = headers['sec-websocket-protocol']
  if (offered === undefined || !isWebSocket(headers)) return undefined
  const protocols = [offered]
    .flat()
    .flatMap((value) => value.split(','))
    .map((protocol) => protocol.trim())
  const encoded = protocols.filter((protocol) => protocol.startsWith(prefix))
  if (encoded.length > 1) throw unauthorized('multiple base64.bearer.authorization tokens specified')
  const text = encoded[0]?.slice(prefix.length) ?? ''
  if (text === '') return undefined
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw unauthorized('invalid base64.bearer.authorization token encoding')
  }
  const token = Buffer.from(text, 'base64url')
  if (!isUtf8(token)) throw unauthorized('invalid base64.bearer.authorization token')
  // One must remain that the server can choose.
  if (protocols.length === 1) throw unauthorized('missing additional subprotocol')
  return token.toString()
}

function isWebSocket(headers: Credentials['headers']): boolean {
  const { upgrade } = headers
  return typeof upgrade === 'string' && upgrade.toLowerCase() === 'websocket'
}
