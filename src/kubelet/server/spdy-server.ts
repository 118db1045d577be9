import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../machinery/clock.ts'
import {
  encodeRemoteCommandResult,
  encodeRemoteCommandResultAsText,
  TerminalSizeReader,
  type TerminalSize,
} from '../../machinery/streaming/remote-command.ts'
import { remoteCommandStreamProtocols } from '../../machinery/streaming/channels.ts'
import { SpdyConnection, type SpdyStream } from '../../machinery/streaming/spdy.ts'
import type { AttachOptions } from '../runtime/runtime.ts'
import { feedSpdy, sendSpdy } from '../runtime/spdy-socket.ts'
import { HttpError } from './http-error.ts'
import type { RemoteCommandStreams } from './remote-command.ts'

/** How long a client may take to open the streams it needs. */
const streamsTimeoutMs = 30_000

/** The best protocol that client and server share, of a request to upgrade to SPDY. Throws HttpError 403. */
export function negotiateSpdyProtocol(request: IncomingMessage, supported: readonly string[]): string {
  const header = request.headers['x-stream-protocol-version']
  const offered = [header ?? []].flat().flatMap((line) => line.split(',').map((name) => name.trim()))
  if (offered.length === 0) return ''
  const chosen = offered.find((protocol) => supported.includes(protocol))
  if (chosen !== undefined) return chosen
  throw new HttpError(
    403,
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`,
  )
}

export interface SpdyWire {
  readonly spdy: SpdyConnection
  readonly gone: AbortSignal
  /** Sends what is written, says goodbye, and closes. */
  close(): void
}

/** Answers 101 and speaks SPDY on the socket from then on. */
export function acceptSpdy(
  socket: Duplex,
  head: Buffer,
  protocol: string,
  onStream: (stream: SpdyStream) => void,
): SpdyWire {
  const gone = new AbortController()
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1']
  if (protocol !== '') lines.push(`X-Stream-Protocol-Version: ${protocol}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const spdy = new SpdyConnection({
    role: 'server',
    send: (bytes) => sendSpdy(socket, bytes),
    onStream,
    onClose: () => gone.abort(),
  })
  socket.on('end', () => socket.end())
  feedSpdy(spdy, socket, head)
  return {
    spdy,
    gone: gone.signal,
    close() {
      spdy.close()
      socket.end()
    },
  }
}

/** Accepts the streams of exec or attach. Rejects when the client does not open them in time. */
export async function acceptCommandStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: AttachOptions,
  clock: Clock,
): Promise<RemoteCommandStreams> {
  const protocol = negotiateSpdyProtocol(request, remoteCommandStreamProtocols)
  const hasSizes = protocol.startsWith('v4') || protocol.startsWith('v3')
  const wanted = ['error']
  if (options.stdin) wanted.push('stdin')
  if (options.stdout) wanted.push('stdout')
  if (options.stderr) wanted.push('stderr')
  if (options.tty && hasSizes) wanted.push('resize')
  const streams = new Map<string, SpdyStream>()
  const complete = Promise.withResolvers<void>()
  const wire = acceptSpdy(socket, head, protocol, (stream) => {
    stream.accept()
    const type = stream.headers['streamtype'] ?? stream.headers['streamType'] ?? ''
    streams.set(type, stream)
    if (type !== 'stdin' && type !== 'resize') stream.discard()
    if (wanted.every((name) => streams.has(name))) complete.resolve()
  })
  wire.gone.addEventListener('abort', () => complete.reject(new Error('the client is gone')))
  const cancel = clock.after(streamsTimeoutMs, () =>
    complete.reject(new Error('timed out waiting for client to create streams')),
  )
  try {
    await complete.promise
  } catch (error) {
    wire.close()
    throw error
  } finally {
    cancel()
  }
  const [stdin, stdout, stderr, sizes] = ['stdin', 'stdout', 'stderr', 'resize'].map((name) =>
    streams.get(name),
  )
  const errors = streams.get('error')!
  return {
    ...(options.stdin && stdin && { stdin }),
    ...(options.stdout && stdout && { stdout }),
    ...(options.stderr && stderr && { stderr }),
    ...(sizes && { sizes: readSizes(sizes) }),
    gone: wire.gone,
    async finish(result) {
      const encode = protocol.startsWith('v4') ? encodeRemoteCommandResult : encodeRemoteCommandResultAsText
      const text = encode(result)
      if (text !== '') await errors.write(Buffer.from(text)).catch(() => undefined)
      await errors.end()
      for (const stream of streams.values()) await stream.end()
      await lingering(wire, clock)
    },
  }
}

/** The client closes the connection when it has read everything; one that does not is not waited for long. */
async function lingering(wire: SpdyWire, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    if (wire.gone.aborted) return resolve()
    const cancel = clock.after(lingerMs, resolve)
    wire.gone.addEventListener('abort', () => {
      cancel()
      resolve()
    })
  })
  wire.close()
}

const lingerMs = 2000

async function* readSizes(stream: SpdyStream): AsyncGenerator<TerminalSize> {
  const reader = new TerminalSizeReader()
  for await (const chunk of stream) yield* reader.read(chunk)
}
