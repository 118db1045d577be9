import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { ByteQueue } from '../../machinery/streaming/byte-queue.ts'
import {
  channelCodec,
  ChannelError,
  negotiateSubprotocol,
  remoteCommandChannels,
  remoteCommandSubprotocols,
  type ChannelCodec,
} from '../../machinery/streaming/channels.ts'
import {
  encodeRemoteCommandResult,
  encodeRemoteCommandResultAsText,
  TerminalSizeReader,
  type TerminalSize,
} from '../../machinery/streaming/remote-command.ts'
import type { AttachOptions, ByteSink } from '../runtime/runtime.ts'
import { HttpError } from './http-error.ts'
import type { RemoteCommandStreams } from './remote-command.ts'

/** From how many unread bytes on the client is asked to wait. */
const maximumUnreadBytes = 256 * 1024
const maximumMessageBytes = 32 << 20

/** The subprotocols that a request to upgrade to a WebSocket offers. */
export function offeredSubprotocols(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol']
  return header === undefined ? [] : header.split(',').map((name) => name.trim())
}

/**
 * Answers 101 with the subprotocol; `''` for none. The subprotocol is chosen before: the library would refuse
 * `SPDY/3.1+portforward.k8s.io`, which is no token for its slash. The library is loaded on first use: it takes 2 MB.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  subprotocol: string,
): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maximumMessageBytes,
  })
  delete request.headers['sec-websocket-protocol']
  if (subprotocol !== '') {
    server.on('headers', (lines) => lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`))
  }
  return await new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the client is gone')))
    server.handleUpgrade(request, socket, head, (webSocket) => {
      // Messages that come before somebody listens would be lost.
      webSocket.pause()
      resolve(webSocket)
    })
  })
}

/** Sends a message; resolves when the socket can take more. Rejects when it is closed. */
export function sendMessage(webSocket: WebSocket, message: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    webSocket.send(message, { binary: typeof message !== 'string' }, (error) =>
      error ? reject(error) : resolve(),
    )
  })
}

/** The bytes of a message, as the library hands it over. */
export function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}

/** Accepts the channels of exec or attach. Throws HttpError when there is no subprotocol in common. */
export async function acceptCommandChannels(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: AttachOptions,
): Promise<RemoteCommandStreams> {
  const offered = offeredSubprotocols(request)
  const subprotocol = negotiateSubprotocol(offered, remoteCommandSubprotocols)
  const codec = subprotocol === undefined ? undefined : channelCodec(subprotocol)
  if (subprotocol === undefined || codec === undefined) {
    throw new HttpError(
      403,
      `unable to upgrade: none of the subprotocols [${offered.join(' ')}] is supported`,
    )
  }
  const webSocket = await acceptWebSocket(request, socket, head, subprotocol)
  return commandChannels(webSocket, codec, options)
}

function commandChannels(
  webSocket: WebSocket,
  codec: ChannelCodec,
  options: AttachOptions,
): RemoteCommandStreams {
  const gone = new AbortController()
  const stdin = new ByteQueue(() => {
    if (stdin.size <= maximumUnreadBytes / 2 && webSocket.isPaused) webSocket.resume()
  })
  const sizes = new ByteQueue()
  const incoming = new Map<number, ByteQueue>([[remoteCommandChannels.resize, sizes]])
  if (options.stdin) incoming.set(remoteCommandChannels.stdin, stdin)

  webSocket.on('message', (data, isBinary) => {
    try {
      const message = codec.decode(isBinary ? bytesOf(data) : bytesOf(data).toString())
      if (message === undefined) return
      const queue = incoming.get(message.channel)
      if (message.type === 'close') queue?.close()
      else queue?.push(message.data)
      if (stdin.size > maximumUnreadBytes) webSocket.pause()
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      webSocket.close(1002, error.message)
    }
  })
  const end = () => {
    for (const queue of incoming.values()) queue.close()
    gone.abort()
  }
  webSocket.on('close', end)
  webSocket.on('error', end)
  webSocket.resume()

  const sink = (channel: number): ByteSink => ({
    write: (data) => sendMessage(webSocket, codec.encode(channel, data)),
    async end() {},
  })
  return {
    ...(options.stdin && { stdin }),
    ...(options.stdout && { stdout: sink(remoteCommandChannels.stdout) }),
    ...(options.stderr && { stderr: sink(remoteCommandChannels.stderr) }),
    ...(options.tty && { sizes: readSizes(sizes) }),
    gone: gone.signal,
    async finish(result) {
      const encode = codec.hasStatus ? encodeRemoteCommandResult : encodeRemoteCommandResultAsText
      const text = encode(result)
      if (text !== '') {
        const message = codec.encode(remoteCommandChannels.error, Buffer.from(text))
        await sendMessage(webSocket, message).catch(() => undefined)
      }
      webSocket.close(1000)
    },
  }
}

async function* readSizes(queue: ByteQueue): AsyncGenerator<TerminalSize> {
  const reader = new TerminalSizeReader()
  for await (const chunk of queue) yield* reader.read(chunk)
}
