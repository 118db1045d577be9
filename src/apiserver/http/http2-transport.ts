import type { X509Certificate } from 'node:crypto'
import { constants, type Http2Session, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { badRequest } from '../../machinery/status-errors.ts'
import type { ByteSink, HttpReply, HttpRequest, ReplyHeaders, RequestHeaders } from './http-exchange.ts'
import { readBody } from './read-body.ts'
import { clientCertificateOf } from './client-certificate.ts'
import { decodePath, queryOf } from './request-url.ts'

/** Serves one HTTP/2 stream. Resolves when the reply has been written, or nobody is there to read it. */
export async function serveHttp2(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  handle: (request: HttpRequest) => Promise<HttpReply>,
): Promise<void> {
  // A client that goes away is no fault; writes after that are dropped.
  stream.on('error', () => {})
  const reply = await handle(new Http2Request(stream, headers))
  await writeReply(stream, headers, reply)
  // What is left of the body is not waited for.
  if (!stream.endAfterHeaders && !stream.readableEnded) stopReading(stream)
}

function stopReading(stream: ServerHttp2Stream): void {
  const close = () => stream.close(constants.NGHTTP2_NO_ERROR)
  if (stream.writableFinished || stream.destroyed) close()
  else stream.once('finish', close)
}

class Http2Request implements HttpRequest {
  readonly protocol = 'HTTP/2.0'
  readonly method: string
  readonly url: string
  readonly path: string
  readonly headers: RequestHeaders
  readonly #stream: ServerHttp2Stream
  #query: URLSearchParams | undefined
  #abort: AbortController | undefined

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream
    this.headers = headers
    this.method = headers[':method'] ?? ''
    this.url = headers[':path'] ?? '/'
    this.path = decodePath(this.url)
  }

  get query(): URLSearchParams {
    this.#query ??= queryOf(this.url)
    return this.#query
  }

  get certificate(): X509Certificate | undefined {
    return clientCertificateOf(socketOf(this.#stream.session))
  }

  get remoteAddress(): string {
    return socketOf(this.#stream.session)?.remoteAddress ?? ''
  }

  get bodyStream(): ServerHttp2Stream {
    return this.#stream
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController()
      this.#abort = abort
      if (this.#stream.destroyed) abort.abort(clientGone())
      else this.#stream.once('close', () => abort.abort(clientGone()))
    }
    return this.#abort.signal
  }

  body(maxBytes: number): Promise<Buffer> {
    return readBody(this.#stream, this.headers, maxBytes)
  }
}

function clientGone(): Error {
  return badRequest('the client has gone')
}

/** The session's `socket` is a proxy that forbids most things; the one beneath is asked for certificates. */
function socketOf(session: Http2Session | ServerHttp2Session | undefined): TLSSocket | undefined {
  return session && !session.destroyed ? (session.socket as TLSSocket) : undefined
}

/** They do not exist in HTTP/2. */
const connectionHeaders: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'keep-alive'])

async function writeReply(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { status, headers: replyHeaders, body }: HttpReply,
): Promise<void> {
  if (stream.destroyed || stream.closed) return
  const isHead = headers[':method'] === 'HEAD'
  const outgoing = headerList(status, replyHeaders)
  if (body === undefined || isHead || body.length === 0) {
    stream.respond(outgoing, { endStream: typeof body !== 'function' || isHead })
    if (typeof body !== 'function' || isHead) return
  } else {
    stream.respond(outgoing)
  }
  if (typeof body !== 'function') {
    stream.end(body)
    return
  }
  await body(new Http2Sink(stream))
  if (!stream.destroyed) stream.end()
}

/** Names and values in turn, as Node.js sends them with the least ado. */
function headerList(status: number, headers: ReplyHeaders): string[] {
  const list = [':status', String(status)]
  for (const [name, value] of Object.entries(headers)) {
    if (connectionHeaders.has(name)) continue
    for (const one of Array.isArray(value) ? value : [value]) list.push(name, String(one))
  }
  return list
}

class Http2Sink implements ByteSink {
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
  }

  get closed(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  close(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
    // Else it would stay until its connection takes the reset, which waits behind what the client does not read.
    this.#stream.destroy()
  }

  onClose(handler: () => void): void {
    if (this.closed) handler()
    else this.#stream.once('close', handler)
  }

  write(chunk: Buffer): Promise<void> | undefined {
    const stream = this.#stream
    if (this.closed || stream.write(chunk)) return undefined
    return new Promise((resolve) => {
      const done = () => {
        stream.off('drain', done).off('close', done)
        resolve()
      }
      stream.on('drain', done).on('close', done)
    })
  }
}
