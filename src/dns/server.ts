import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server as TcpServer, type Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import type { DecodedPacket, Question } from 'dns-packet'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { AnsweredQuestion } from './dns-metrics.ts'
import { tryDecode } from './exchange.ts'
import { encodeResponse, failed, responseCodes, type Resolution } from './response.ts'
import type { Resolver } from './resolver.ts'

export interface DnsServer {
  readonly port: number
  close(): Promise<void>
}

export interface DnsServerOptions {
  readonly address: string
  /** 0 takes a free one, the same for UDP and TCP. */
  readonly port: number
  readonly resolver: Pick<Resolver, 'resolve'>
  readonly clock: Clock
  readonly log: Logger
  /** Called once per question, before it is answered. */
  onQuestion?(question: Question): void
  /** Called once per answered question, with the name that was asked. */
  onAnswer?(answered: Omit<AnsweredQuestion, 'zone'>, name: string): void
}

/** A TCP client that sends nothing for this long is disconnected (RFC 7766 leaves the time to us). */
const tcpIdleMs = 10_000
/** Questions of one TCP client that may wait for upstream at once. */
const maxTcpPipeline = 64

/** Serves DNS over UDP and TCP at one address (RFC 1035, 7766, 6891). */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { address, log } = options
  const tcp = createServer((socket) => serveTcp(socket, options))
  tcp.listen(options.port, address)
  await once(tcp, 'listening')
  const { port } = tcp.address() as { port: number }
  const udp = createSocket({
    type: address.includes(':') ? 'udp6' : 'udp4',
    recvBufferSize: 1 << 20,
    // Clients are addresses: without this, each answer would wait for a resolver of names to say so.
    lookup: (client, _options, callback) => callback(null, client, isIPv6(client) ? 6 : 4),
  })
  try {
    const listening = once(udp, 'listening')
    udp.bind(port, address)
    await listening
  } catch (error) {
    tcp.close()
    throw error
  }
  udp.on('message', (message, client) => {
    const family = client.family === 'IPv6' ? 6 : 4
    answer(message, { transport: 'udp', family }, options, (response) => {
      udp.send(response, client.port, client.address)
    })
  })
  udp.on('error', (error) => log.error('DNS socket failed', { error }))
  const connections = trackConnections(tcp)
  return { port, close: () => closeAll(udp, tcp, connections) }
}

/** Gives the answer to `send`: at once when it is known here, and never to what is no question. */
function answer(
  message: Buffer,
  from: Pick<AnsweredQuestion, 'transport' | 'family'>,
  options: DnsServerOptions,
  send: (response: Buffer) => void,
  nothing?: () => void,
): void {
  const startedAt = options.clock.monotonic()
  const query = tryDecode(message)
  // Answering answers, or bytes that are no query, would let two servers talk to each other for ever.
  if (!query || query.flag_qr) {
    nothing?.()
    return
  }
  const finish = (resolution: Resolution) => {
    const response = encodeResponse(query, resolution, from.transport)
    send(response)
    const { type = 'NONE', name = '' } = query.questions?.[0] ?? {}
    options.onAnswer?.(
      {
        ...from,
        type,
        code: resolution.code,
        plugin: resolution.plugin ?? '',
        seconds: (options.clock.monotonic() - startedAt) / 1000,
        requestBytes: message.length,
        responseBytes: response.length,
      },
      name,
    )
  }
  const resolution = resolve(query, options)
  if (resolution instanceof Promise) void resolution.then(finish)
  else finish(resolution)
}

function resolve(query: DecodedPacket, options: DnsServerOptions): Resolution | Promise<Resolution> {
  const [question, ...others] = query.questions ?? []
  if (((query.flags ?? 0) >> 11) & 0xf) return failed(responseCodes.notImplemented)
  if (!question || others.length > 0) return failed(responseCodes.formatError)
  options.onQuestion?.(question)
  return options.resolver.resolve(question)
}

function serveTcp(socket: Socket, options: DnsServerOptions): void {
  let received: Buffer = Buffer.alloc(0)
  let waiting = 0
  socket.setTimeout(tcpIdleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    while (received.length >= 2) {
      const end = 2 + received.readUInt16BE(0)
      if (received.length < end) return
      const message = received.subarray(2, end)
      received = received.subarray(end)
      if (++waiting > maxTcpPipeline) {
        socket.destroy()
        return
      }
      const from = { transport: 'tcp', family: socket.remoteFamily === 'IPv6' ? 6 : 4 } as const
      const send = (response: Buffer) => {
        waiting--
        if (socket.destroyed) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(response.length)
        socket.write(Buffer.concat([length, response]))
      }
      answer(message, from, options, send, () => void waiting--)
    }
  })
}

function trackConnections(server: TcpServer): Set<Socket> {
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  return connections
}

async function closeAll(udp: UdpSocket, tcp: TcpServer, connections: Set<Socket>): Promise<void> {
  for (const socket of connections) socket.destroy()
  const closed = Promise.all([once(tcp, 'close'), once(udp, 'close')])
  tcp.close()
  udp.close()
  await closed
}
