import type { IncomingMessage } from 'node:http'
import { acceptWebSocket, messageSink, offeredProtocols } from '../http/accept-websocket.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { passOn } from './proxy-request.ts'

/** Subprotocols of a stream that is only read, and whether their messages are base64 text. */
const protocols: Readonly<Record<string, boolean>> = {
  '': false,
  'binary.k8s.io': false,
  'base64.binary.k8s.io': true,
}

/**
 * The answer to a client that wants to read a stream over a WebSocket: an empty message when it is open, then what comes.
 * Source: k8s.io/apimachinery/pkg/util/httpstream/wsstream, Reader.
 */
export function readOverWebSocket(request: HttpRequest, source: IncomingMessage): HttpReply {
  const offered = offeredProtocols(request)
  const protocol = offered.length === 0 ? '' : offered.find((name) => Object.hasOwn(protocols, name))
  if (protocol === undefined) {
    source.destroy()
    return { status: 403, headers: { 'content-length': 0 } }
  }
  const isText = protocols[protocol]!
  return {
    status: 101,
    headers: {},
    async takeOver(upgrade) {
      const webSocket = await acceptWebSocket(request, upgrade, protocol)
      // What the client says is of no interest; it must be read to see it close.
      webSocket.resume()
      const sink = messageSink(webSocket, (chunk) => [isText ? chunk.toString('base64') : chunk], isText)
      await sink.write(Buffer.alloc(0))
      await passOn(source, sink)
      webSocket.close()
    },
  }
}
