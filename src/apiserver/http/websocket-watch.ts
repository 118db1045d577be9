import type { IncomingMessage } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'
import { badRequest } from '../../machinery/status-errors.ts'
import type { ByteSink, HttpRequest, Upgrade } from './http-exchange.ts'
import { serveWatch, type WatchSession } from './serve-watch.ts'

const server = new WebSocketServer({
  noServer: true,
  // A token in a subprotocol is for the authenticator; it is not offered back.
  handleProtocols: (protocols) => {
    return (
      [...protocols].find((protocol) => !protocol.startsWith('base64url.bearer.authorization.k8s.io.')) ??
      false
    )
  },
})

/** A watch whose events are WebSocket messages, one each: text for JSON, else binary. */
export async function watchOverWebSocket(
  session: WatchSession,
  request: HttpRequest,
  { protocol, socket, head }: Upgrade,
): Promise<void> {
  if (protocol !== 'websocket') throw badRequest('a watch can be upgraded to websocket only')
  const webSocket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade(asIncomingMessage(request), socket, head, resolve)
  })
  // What the client says is of no interest; it must be read to see it close.
  webSocket.resume()
  const isText = session.encoder.contentType === 'application/json'
  await serveWatch(session, messageSink(webSocket, isText))
  webSocket.close()
}

function messageSink(webSocket: WebSocket, isText: boolean): ByteSink {
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
        const messages = isText ? linesOf(chunk) : [chunk]
        messages.forEach((message, index) => {
          const isLast = index === messages.length - 1
          webSocket.send(message, { binary: !isText }, isLast ? () => resolve() : undefined)
        })
      })
    },
  }
}

/** Several events may come as one chunk, each a line. */
function linesOf(chunk: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < chunk.length;) {
    const end = chunk.indexOf(0x0a, start) + 1 || chunk.length
    lines.push(chunk.subarray(start, end))
    start = end
  }
  return lines
}

/** What `ws` looks at of a request. */
function asIncomingMessage({ method, headers, url }: HttpRequest): IncomingMessage {
  return { method, headers, url } as unknown as IncomingMessage
}
