import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Pod } from '../../api/generated/core.v1.ts'
import { ByteQueue } from '../../machinery/streaming/byte-queue.ts'
import {
  channelCodec,
  negotiateSubprotocol,
  portForwardProtocol,
  portForwardSubprotocols,
  portForwardTunnelSubprotocol,
} from '../../machinery/streaming/channels.ts'
import { SpdyConnection, type SpdyStream } from '../../machinery/streaming/spdy.ts'
import { currentSandbox } from '../pods/observation.ts'
import { RuntimeError } from '../runtime/runtime-error.ts'
import type { ByteChannel } from '../runtime/runtime.ts'
import { pump } from './byte-pump.ts'
import { HttpError } from './http-error.ts'
import type { ServerContext } from './server-context.ts'
import { acceptSpdy, negotiateSpdyProtocol } from './spdy-server.ts'
import { acceptWebSocket, bytesOf, offeredSubprotocols, sendMessage } from './websocket-server.ts'

type Dial = (port: number) => Promise<ByteChannel>

/** How a port of the pod is reached. */
export function portDialler(context: ServerContext, pod: Pod): Dial {
  const { runtime, observer } = context.servicesOf(pod)
  return async (port) => {
    const sandbox = currentSandbox(observer.get(pod.metadata?.uid ?? ''))
    if (!sandbox) throw new Error(`pod ${pod.metadata?.name} has no running sandbox`)
    return await runtime.portForward(sandbox.id, port)
  }
}

/** Port-forward over SPDY: for each connection a pair of streams, of data and of what went wrong. */
export function forwardOverSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pod: Pod,
  dial: Dial,
): void {
  const protocol = negotiateSpdyProtocol(request, [portForwardProtocol])
  acceptSpdy(socket, head, protocol, streamPairs(pod, dial))
}

/** Port-forward over a WebSocket: SPDY inside, or a pair of channels for each port of the query. */
export async function forwardOverWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  query: URLSearchParams,
  pod: Pod,
  dial: Dial,
): Promise<void> {
  const offered = offeredSubprotocols(request)
  const subprotocol = negotiateSubprotocol(offered, [
    portForwardTunnelSubprotocol,
    ...portForwardSubprotocols,
  ])
  if (subprotocol === undefined) {
    throw new HttpError(
      403,
      `unable to upgrade: none of the subprotocols [${offered.join(' ')}] is supported`,
    )
  }
  if (subprotocol === portForwardTunnelSubprotocol) {
    tunnelSpdy(await acceptWebSocket(request, socket, head, subprotocol), streamPairs(pod, dial))
    return
  }
  const ports = portsOf(query)
  await forwardChannels(await acceptWebSocket(request, socket, head, subprotocol), subprotocol, ports, dial)
}

/** Puts streams of one request id together, and connects each pair. */
function streamPairs(pod: Pod, dial: Dial): (stream: SpdyStream) => void {
  const waiting = new Map<string, { error?: SpdyStream; data?: SpdyStream }>()
  return (stream) => {
    const { headers } = stream
    const type = headers['streamtype'] ?? headers['streamType']
    const port = Number(headers['port'])
    if ((type !== 'error' && type !== 'data') || !Number.isInteger(port) || port < 1 || port > 65535) {
      stream.reset()
      return
    }
    stream.accept()
    const id = headers['requestid'] ?? headers['requestID'] ?? headers['port'] ?? ''
    const pair = waiting.get(id) ?? {}
    pair[type] = stream
    waiting.set(id, pair)
    if (!pair.error || !pair.data) return
    waiting.delete(id)
    void connectPair(pod, dial, port, pair.error, pair.data)
  }
}

async function connectPair(
  pod: Pod,
  dial: Dial,
  port: number,
  errors: SpdyStream,
  data: SpdyStream,
): Promise<void> {
  errors.discard()
  try {
    const channel = await dial(port)
    void data.outcome.then(() => channel.close())
    void pump(data, channel)
    // When the pod's side has ended there is nobody left to send to.
    for await (const chunk of channel) await data.write(chunk)
    channel.close()
  } catch (error) {
    const words = error instanceof RuntimeError ? error.description : String(error)
    const { name, uid } = pod.metadata ?? {}
    const message = `error forwarding port ${port} to pod ${name}, uid ${uid}: ${words}`
    await errors.write(Buffer.from(message)).catch(() => undefined)
  }
  await errors.end()
  await data.end()
}

/** The messages of the WebSocket are the bytes of a SPDY connection. */
function tunnelSpdy(webSocket: WebSocket, onStream: (stream: SpdyStream) => void): void {
  const spdy = new SpdyConnection({
    role: 'server',
    send: (bytes) => sendMessage(webSocket, bytes),
    onStream,
    onClose: () => webSocket.close(1000),
  })
  webSocket.on('message', (message) => {
    const pause = spdy.receive(bytesOf(message))
    if (pause === undefined) return
    webSocket.pause()
    void pause.then(() => webSocket.resume())
  })
  webSocket.on('close', () => spdy.end())
  webSocket.on('error', (error) => spdy.end(error))
  webSocket.resume()
}

function portsOf(query: URLSearchParams): readonly number[] {
  const ports = query
    .getAll('port')
    .concat(query.getAll('ports'))
    .flatMap((text) => text.split(','))
  if (ports.length === 0) throw new HttpError(400, 'query parameter "port" is required')
  return ports.map((text) => {
    const port = Number(text)
    if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw new HttpError(400, `invalid port: ${text}`)
    return port
  })
}

/** Channels 2n and 2n+1 are data and errors of the n-th port; the first message on each is the port, in two bytes. */
async function forwardChannels(
  webSocket: WebSocket,
  subprotocol: string,
  ports: readonly number[],
  dial: Dial,
): Promise<void> {
  const codec = channelCodec(subprotocol)!
  const incoming = ports.map(() => new ByteQueue())
  webSocket.on('message', (data, isBinary) => {
    const message = codec.decode(isBinary ? bytesOf(data) : bytesOf(data).toString())
    if (message?.type === 'data' && message.channel % 2 === 0) {
      incoming[message.channel / 2]?.push(message.data)
    }
  })
  const end = () => {
    for (const queue of incoming) queue.close()
  }
  webSocket.on('close', end)
  webSocket.on('error', end)
  for (const [index, port] of ports.entries()) {
    const bytes = Buffer.alloc(2)
    bytes.writeUInt16LE(port)
    await sendMessage(webSocket, codec.encode(2 * index, bytes))
    await sendMessage(webSocket, codec.encode(2 * index + 1, bytes))
  }
  webSocket.resume()
  await Promise.all(
    ports.map(async (port, index) => {
      const send = (channel: number, data: Uint8Array) => sendMessage(webSocket, codec.encode(channel, data))
      try {
        const channel = await dial(port)
        webSocket.once('close', () => channel.close())
        void pump(incoming[index], channel)
        for await (const chunk of channel) await send(2 * index, chunk)
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        await send(2 * index + 1, Buffer.from(words)).catch(() => undefined)
      }
    }),
  )
  webSocket.close(1000)
}
