import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import { serveHttp1, serveUpgrade } from './http1-transport.ts'
import { serveHttp2 } from './http2-transport.ts'
import type { InFlight } from './in-flight.ts'

export interface ListenOptions {
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  readonly tls: { readonly certificate: string; readonly key: string }
  /** PEM of the authorities that clients are told to have a certificate of. */
  readonly clientCertificateAuthority?: string
  handle(request: HttpRequest): Promise<HttpReply>
  readonly inFlight: InFlight
  readonly clock: Clock
  readonly log: Logger
}

export interface Listener {
  readonly address: string
  readonly port: number
  /** Takes no new connections, lets what is under way end, and closes everything `graceMs` later at the latest. */
  close(graceMs: number): Promise<void>
}

/** Concurrent requests per connection, as Go's default. */
const maxConcurrentStreams = 250
/** Megabytes; Node's default of 10 ends connections on which several large lists are read. */
const maxSessionMemory = 1000
/** A client may cancel requests, but not make work by doing little else (CVE-2023-44487): burst, then per second. */
const streamResets = { burst: 1000, rate: 100 }

/** One port for both versions of HTTP, over TLS. Resolves when it is open. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { tls, clientCertificateAuthority: ca } = options
  const server = createSecureServer({
    key: tls.key,
    cert: tls.certificate,
    ...(ca && { ca }),
    requestCert: true,
    // Who has no certificate, or one of somebody else's, may still bring a token: authenticators decide.
    rejectUnauthorized: false,
    allowHTTP1: true,
    allowHalfOpen: true,
    maxSessionMemory,
    settings: { maxConcurrentStreams },
    streamResetBurst: streamResets.burst,
    streamResetRate: streamResets.rate,
  })
  const connections = serve(server, options)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { address, port } = server.address() as AddressInfo
  return { address, port, close: (graceMs) => close(server, connections, options, graceMs) }
}

interface Connections {
  readonly sockets: Set<TLSSocket>
  readonly sessions: Set<ServerHttp2Session>
}

function serve(server: Http2SecureServer, { handle, inFlight, log }: ListenOptions): Connections {
  const connections: Connections = { sockets: new Set(), sessions: new Set() }
  /** Requests never fail but by our fault: the handler answers errors. */
  const watched = (work: () => Promise<void>, close: () => void) => {
    inFlight.track(work).catch((error: unknown) => {
      log.error('serving a request failed', { error: error instanceof Error ? error.stack : String(error) })
      close()
    })
  }
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    connections.sockets.add(socket)
    socket.once('close', () => connections.sockets.delete(socket))
  })
  server.on('session', (session) => {
    connections.sessions.add(session)
    session.once('close', () => connections.sessions.delete(session))
  })
  server.on('request', (incoming: unknown, response: unknown) => {
    const outgoing = response as ServerResponse
    watched(
      () => serveHttp1(incoming as IncomingMessage, outgoing, handle),
      () => outgoing.destroy(),
    )
  })
  // A listener for requests brings Node's slower way of serving HTTP/2 with it, which must not serve streams as well.
  server.removeAllListeners('stream')
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    watched(
      () => serveHttp2(stream, headers, handle),
      () => stream.close(),
    )
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    watched(
      () => serveUpgrade(incoming, socket, head, handle),
      () => socket.destroy(),
    )
  })
  // Broken handshakes and connections are their clients' business.
  for (const event of ['tlsClientError', 'sessionError', 'clientError']) {
    server.on(event, (error: Error) => log.debug('a connection failed', { event, error: error.message }))
  }
  return connections
}

async function close(
  server: Http2SecureServer,
  { sockets, sessions }: Connections,
  { inFlight, clock }: ListenOptions,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const session of sessions) session.close()
  const timeout = new Promise<void>((resolve) => void clock.after(graceMs, resolve))
  await Promise.race([inFlight.drain().then(() => flushed(sockets)), timeout])
  destroyAll()
  await closed

  function destroyAll(): void {
    for (const session of sessions) session.destroy()
    for (const socket of sockets) socket.destroy()
  }
}

/** Resolves when what has been written has left for the clients, or they have gone. */
async function flushed(sockets: ReadonlySet<TLSSocket>): Promise<void> {
  // What a stream has been given reaches its socket in the next turn.
  await nextTurn()
  await Promise.all(
    Array.from(sockets, async (socket) => {
      if (socket.writableLength === 0 || socket.destroyed) return
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
    }),
  )
}
