import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server as TcpServer, type Socket } from 'node:net'
import type { DecodedPacket } from 'dns-packet'
import type { Logger } from '../machinery/log.ts'
import { tryDecode } from './forwarder.ts'
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
  readonly resolver: Resolver
  readonly log: Logger
  /** Called once per answered question. */
  onAnswer?(question: {
    readonly type: string
    readonly transport: 'udp' | 'tcp'
    readonly code: number
  }): void
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
  const udp = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
  udp.bind(port, address)
  try {
    await once(udp, 'listening')
  } catch (error) {
    tcp.close()
    throw error
  }
  udp.on('message', (message, client) => {
    void answer(message, 'udp', options).then((response) => {
      if (response) udp.send(response, client.port, client.address)
    })
  })
  udp.on('error', (error) => log.error('DNS socket failed', { error }))
  const connections = trackConnections(tcp)
  return { port, close: () => closeAll(udp, tcp, connections) }
}

async function answer(
  message: Buffer,
  transport: 'udp' | 'tcp',
  options: DnsServerOptions,
): Promise<Buffer | undefined> {
  const query = tryDecode(message)
  // Answering answers, or bytes that are no query, would let two servers talk to each other for ever.
  if (!query || query.flag_qr) return undefined
  const resolution = await resolve(query, options.resolver)
  options.onAnswer?.({ type: query.questions?.[0]?.type ?? 'NONE', transport, code: resolution.code })
  return encodeResponse(query, resolution, transport)
}

function resolve(query: DecodedPacket, resolver: Resolver): Resolution | Promise<Resolution> {
  const [question, ...others] = query.questions ?? []
  if (((query.flags ?? 0) >> 11) & 0xf) return failed(responseCodes.notImplemented)
  if (!question || others.length > 0) return failed(responseCodes.formatError)
  return resolver.resolve(question)
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
      void answer(message, 'tcp', options).then((response) => {
        waiting--
        if (!response || socket.destroyed) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(response.length)
        socket.write(Buffer.concat([length, response]))
      })
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
