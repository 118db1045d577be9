import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { badRequest } from '../../machinery/status-errors.ts'
import { clientCertificateOf } from './client-certificate.ts'
import type { ByteSink, HttpReply, HttpRequest, RequestHeaders, Upgrade } from './http-exchange.ts'
import { readBody } from './read-body.ts'
import { decodePath, queryOf } from './request-url.ts'

type Handle = (request: HttpRequest) => Promise<HttpReply>

/** Serves one HTTP/1.1 request. Resolves when the reply has been written, or nobody is there to read it. */
export async function serveHttp1(
  incoming: IncomingMessage,
  response: ServerResponse,
  handle: Handle,
): Promise<void> {
  response.on('error', () => {})
  const { status, headers, body } = await handle(new Http1Request(incoming))
  if (response.destroyed) return
  // What is left of the body is not waited for.
  if (!incoming.complete) response.setHeader('connection', 'close')
  response.writeHead(status, headers as Record<string, string | number | string[]>)
  if (body === undefined || incoming.method === 'HEAD') {
    response.end()
    return
  }
  if (typeof body !== 'function') {
    response.end(body)
    return
  }
  response.flushHeaders()
  await body(responseSink(response))
  if (!response.destroyed) response.end()
}

/** Serves one request that wants to leave HTTP/1.1 behind. */
export async function serveUpgrade(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  handle: Handle,
): Promise<void> {
  socket.on('error', () => {})
  const upgrade: Upgrade = { protocol: (incoming.headers.upgrade ?? '').toLowerCase(), socket, head }
  const reply = await handle(new Http1Request(incoming, upgrade))
  if (reply.takeOver) {
    await reply.takeOver(upgrade)
    return
  }
  await writeRefusal(socket, reply)
}

class Http1Request implements HttpRequest {
  readonly protocol = 'HTTP/1.1'
  readonly method: string
  readonly url: string
  readonly path: string
  readonly headers: RequestHeaders
  readonly upgrade?: Upgrade
  readonly #incoming: IncomingMessage
  #query: URLSearchParams | undefined
  #abort: AbortController | undefined

  constructor(incoming: IncomingMessage, upgrade?: Upgrade) {
    this.#incoming = incoming
    this.headers = incoming.headers
    this.method = incoming.method ?? ''
    this.url = incoming.url ?? '/'
    this.path = decodePath(this.url)
    if (upgrade) this.upgrade = upgrade
  }

  get query(): URLSearchParams {
    this.#query ??= queryOf(this.url)
    return this.#query
  }

  get certificate(): X509Certificate | undefined {
    return clientCertificateOf(this.#incoming.socket as TLSSocket)
  }

  get remoteAddress(): string {
    return this.#incoming.socket.remoteAddress ?? ''
  }

  get bodyStream(): IncomingMessage {
    return this.#incoming
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController()
      this.#abort = abort
      const { socket } = this.#incoming
      const gone = () => abort.abort(badRequest('the client has gone'))
      if (socket.destroyed) gone()
      else socket.once('close', gone)
    }
    return this.#abort.signal
  }

  body(maxBytes: number): Promise<Buffer> {
    return readBody(this.#incoming, this.headers, maxBytes)
  }
}

function responseSink(response: ServerResponse): ByteSink {
  return {
    get closed() {
      return response.destroyed
    },
    close: () => response.destroy(),
    onClose(handler) {
      if (response.destroyed) handler()
      else response.once('close', handler)
    },
    write(chunk) {
      if (response.destroyed || response.write(chunk)) return undefined
      return new Promise((resolve) => {
        const done = () => {
          response.off('drain', done).off('close', done)
          resolve()
        }
        response.on('drain', done).on('close', done)
      })
    },
  }
}

/** An ordinary answer to a request for an upgrade; the connection ends with it. */
async function writeRefusal(socket: Duplex, { status, headers, body }: HttpReply): Promise<void> {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  for (const [name, values] of Object.entries({ ...headers, connection: 'close' })) {
    for (const value of [values].flat()) lines.push(`${name}: ${value}`)
  }
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (typeof body === 'function') await body(socketSink(socket))
  else if (body) socket.write(body)
  socket.end()
}

function socketSink(socket: Duplex): ByteSink {
  return {
    get closed() {
      return socket.destroyed
    },
    close: () => socket.destroy(),
    onClose(handler) {
      if (socket.destroyed) handler()
      else socket.once('close', handler)
    },
    write(chunk) {
      if (socket.destroyed || socket.write(chunk)) return undefined
      return new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
    },
  }
}
