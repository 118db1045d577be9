import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import { headerOf, type ByteSink, type HttpRequest, type Upgrade } from './http-exchange.ts'

const tokenPrefix = 'base64url.bearer.authorization.k8s.io.'

/** The subprotocols that the client offers, first choice first. A token in one is for the authenticator. */
export function offeredProtocols({ headers }: HttpRequest): readonly string[] {
  return (headerOf(headers, 'sec-websocket-protocol') ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '' && !protocol.startsWith(tokenPrefix))
}

/**
 * Completes the handshake with one of the offered subprotocols; with none when it is `''`. The library is loaded on first
 * use: it takes 2 MB.
 */
export async function acceptWebSocket(
  { method, url, headers }: HttpRequest,
  { socket, head }: Upgrade,
  protocol: string,
): Promise<WebSocket> {
  const { 'sec-websocket-protocol': _offered, ...others } = headers
  // What `ws` looks at of a request; it takes the first subprotocol.
  const request = {
    method,
    url,
    headers: { ...others, ...(protocol !== '' && { 'sec-websocket-protocol': protocol }) },
  } as unknown as IncomingMessage
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ noServer: true })
  return await new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve))
}

/** Each chunk goes out as the messages that `messagesOf` makes of it. */
export function messageSink(
  webSocket: WebSocket,
  messagesOf: (chunk: Buffer) => readonly (Buffer | string)[],
  isText: boolean,
): ByteSink {
  return {
    get closed() {
      return webSocket.readyState !== webSocket.OPEN
    },
    close: () => webSocket.close(),
    onClose(handler) {
      if (webSocket.readyState === webSocket.OPEN) webSocket.once('close', handler)
      else handler()
    },
    write(chunk) {
      if (webSocket.readyState !== webSocket.OPEN) return undefined
      return new Promise((resolve) => {
        const messages = messagesOf(chunk)
        messages.forEach((message, index) => {
          const isLast = index === messages.length - 1
          webSocket.send(message, { binary: !isText }, isLast ? () => resolve() : undefined)
        })
      })
    },
  }
}
