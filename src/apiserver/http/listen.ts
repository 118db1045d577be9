import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../machinery/clock.ts'
import { serverTls } from '../../machinery/pki/tls-policy.ts'
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
  readonly patience?: Patience
  readonly clock: Clock
  readonly log: Logger
}

/** How long slow clients are waited for, in milliseconds. Source: k8s.io/apiserver/pkg/server/secure_serving.go. */
export interface Patience {
  /** For a TLS handshake, and for the head of a request. */
  readonly headMs: number
  /** Between requests. */
  readonly idleMs: number
}

const usualPatience: Patience = { headMs: 32_000, idleMs: 90_000 }

export interface Listener {
  readonly address: string
  readonly port: number
  /** Shows this certificate to new connections from now on. */
  present(tls: ListenOptions['tls']): void
  /** Takes no new connections, lets what is under way end, and closes everything `graceMs` later at the latest. */
  close(graceMs: number): Promise<void>
}

/** Concurrent requests per connection, as Go's default. */
const maxConcurrentStreams = 250
/** Bytes of the line and the headers of a request, as Go's default. */
const maxHeaderBytes = 1 << 20
const maxHeaders = 1024
/** Megabytes; Node's default of 10 ends connections on which several large lists are read. */
const maxSessionMemory = 1000
/** A client may cancel requests, but not make work by doing little else (CVE-2023-44487): burst, then per second. */
const streamResets = { burst: 1000, rate: 100 }

/** One port for both versions of HTTP, over TLS. Resolves when it is open. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { tls, clientCertificateAuthority: ca, patience = usualPatience } = options
  const server = createSecureServer({
    ...serverTls,
    key: tls.key,
    cert: tls.certificate,
    ...(ca && { ca }),
    requestCert: true,
    // Who has no certificate, or one of somebody else's, may still bring a token: authenticators decide.
    rejectUnauthorized: false,
    allowHTTP1: true,
    allowHalfOpen: true,
    maxSessionMemory,
    settings: { maxConcurrentStreams, maxHeaderListSize: maxHeaderBytes },
    maxHeaderListPairs: maxHeaders,
    handshakeTimeout: patience.headMs,
    ...http1Options(patience),
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
  return {
    address,
    port,
    present: ({ key, certificate }) =>
      server.setSecureContext({ ...serverTls, key, cert: certificate, ...(ca && { ca }) }),
    close: (graceMs) => close(server, connections, options, graceMs),
  }
}

/** Of requests over HTTP/1.1; the types of `createSecureServer` do not know that it takes them, too. */
function http1Options({ headMs, idleMs }: Patience): object {
  return {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headMs,
    keepAliveTimeout: idleMs,
    // Bodies are waited for as long as the request may take.
    requestTimeout: 0,
    connectionsCheckingInterval: headMs / 4,
  }
}

interface Connections {
  /** Whose handshake is not finished yet, by their peer. */
  readonly unfinished: Map<string, Socket>
  readonly sockets: Set<TLSSocket>
  /** With the number of requests under way on each. */
  readonly sessions: Map<ServerHttp2Session, number>
}

function serve(
  server: Http2SecureServer,
  { handle, inFlight, clock, log, patience = usualPatience }: ListenOptions,
): Connections {
  const connections: Connections = { unfinished: new Map(), sockets: new Set(), sessions: new Map() }
  const { sessions } = connections
  const count = (session: ServerHttp2Session | undefined, more: 1 | -1) => {
    const streams = session && sessions.get(session)
    if (streams !== undefined) sessions.set(session!, streams + more)
  }
  /** Requests never fail but by our fault: the handler answers errors. */
  const watched = (work: () => Promise<void>, close: () => void) => {
    inFlight.track(work).catch((error: unknown) => {
      log.error('serving a request failed', { error: error instanceof Error ? error.stack : String(error) })
      close()
    })
  }
  const { unfinished } = connections
  server.on('connection', (transport: Socket) => {
    const peer = peerOf(transport)
    unfinished.set(peer, transport)
    transport.once('close', () => {
      if (unfinished.get(peer) === transport) unfinished.delete(peer)
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    unfinished.delete(peerOf(socket))
    connections.sockets.add(socket)
    socket.once('close', () => connections.sockets.delete(socket))
  })
  server.on('session', (session) => {
    sessions.set(session, 0)
    session.once('close', () => sessions.delete(session))
    session.setTimeout(patience.idleMs, () => {
      if (sessions.get(session) === 0) session.close()
    })
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
    const session = stream.session as ServerHttp2Session | undefined
    count(session, 1)
    stream.once('close', () => count(session, -1))
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
  for (const event of ['tlsClientError', 'sessionError']) {
    server.on(event, (error: Error) => log.debug('a connection failed', { event, error: error.message }))
  }
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    log.debug('a request could not be read', { error: error.message })
    refuseUnreadable(error.code, socket, clock)
  })
  return connections
}

/** What a connection and the TLS socket upon it have in common. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

const resetAvoidanceMs = 500

/** What Go's server says of a head that it cannot read, before it closes the connection. */
function refuseUnreadable(code: string | undefined, socket: Duplex, clock: Clock): void {
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const wasSlow = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!socket.writable || wasSlow) {
    socket.destroy()
    return
  }
  const headers = 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n'
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n${status}`)
  // Closing while the client still writes would keep it from reading the answer.
  clock.after(resetAvoidanceMs, () => socket.destroy())
}

async function close(
  server: Http2SecureServer,
  { unfinished, sockets, sessions }: Connections,
  { inFlight, clock }: ListenOptions,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const session of sessions.keys()) session.close()
  const timeout = new Promise<void>((resolve) => void clock.after(graceMs, resolve))
  await Promise.race([inFlight.drain().then(() => flushed(sockets)), timeout])
  destroyAll()
  // Who was in the middle of a handshake may still have what it came for; it may also be cut off, and never end.
  await Promise.race([closed, timeout])
  destroyAll()
  for (const transport of unfinished.values()) transport.destroy()
  await closed

  function destroyAll(): void {
    for (const session of sessions.keys()) session.destroy()
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
