import type {
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
  OutgoingHttpHeaders,
} from 'node:http2'
import { constants } from 'node:http2'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { responseError } from '../../machinery/response-error.ts'
import { timeoutError } from '../../machinery/status-errors.ts'
import type { StatusError } from '../../machinery/status.ts'
import type { SessionPool } from './session-pool.ts'
import type { RequestMetrics } from './request-metrics.ts'
import { unreachable } from './unreachable.ts'

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: string
  readonly signal?: AbortSignal | undefined
}

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader

/** A 2xx response whose body has not been read. Close it when it is not read to its end. */
export interface Response {
  readonly stream: ClientHttp2Stream
  readonly headers: ResponseHeaders
  readonly close: () => void
}

export interface Exchange {
  /** Resolves with the headers of a 2xx response; throws a StatusError, or the signal's reason. */
  open(request: Request): Promise<Response>
  /** The whole body of a 2xx response. */
  text(request: Request): Promise<string>
}

export interface ExchangeOptions {
  readonly server: string
  readonly clock: Clock
  readonly random: Random
  readonly requestTimeoutMs: number
  /** Absent where nobody counts. */
  readonly metrics?: RequestMetrics
  /** Told the Warning header of each response. */
  readonly warned?: (header: string | undefined) => void
}

/** As client-go: this many tries more when the server asks to come again. */
const maxRetries = 10

/** Sends requests over the pool's connections, again where that is safe or the server asks for it. */
export function createExchange(pool: SessionPool, options: ExchangeOptions): Exchange {
  const { clock, random, server, requestTimeoutMs } = options

  async function attempt(request: Request): Promise<Response> {
    const lease = await acquire(request)
    const stream = lease.session.request(
      { ':method': request.method, ':path': request.path, ...request.headers },
      { endStream: request.body === undefined },
    )
    stream.once('close', lease.release)
    if (request.body !== undefined) stream.end(request.body)
    const close = cancelOnAbort(stream, request.signal)
    const startMs = clock.monotonic()
    let answered: number | '<error>' = '<error>'
    const cancelTimeout = clock.after(requestTimeoutMs, () =>
      stream.destroy(timeoutError(`${request.method} ${server}${request.path}: no answer`, 0)),
    )
    try {
      const headers = await responseHeaders(stream)
      const code = headers[':status'] ?? 0
      answered = code
      options.warned?.(headers.warning)
      if (code >= 200 && code < 300) return { stream, headers, close }
      const error = responseError(code, await readText(stream), request.method)
      throw retryAfterMs(code, headers) === undefined
        ? error
        : new ComeAgain(error, retryAfterMs(code, headers)!)
    } catch (error) {
      if (!stream.closed) close()
      request.signal?.throwIfAborted()
      throw error
    } finally {
      cancelTimeout()
      options.metrics?.answered(request.method, answered, startMs)
    }
  }

  async function acquire(request: Request) {
    try {
      return await pool.acquire(request.signal)
    } catch (error) {
      request.signal?.throwIfAborted()
      throw new NotSent(error)
    }
  }

  async function open(request: Request): Promise<Response> {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt(request)
      } catch (error) {
        request.signal?.throwIfAborted()
        const delayMs = tries < maxRetries ? pauseBeforeRetry(error, request, tries, random) : undefined
        if (delayMs === undefined) throw toStatusError(error, request, server)
        await sleep(clock, delayMs, request.signal)
      }
    }
  }

  return {
    open,
    async text(request) {
      const { stream, close } = await open(request)
      const cancelTimeout = clock.after(requestTimeoutMs, () =>
        stream.destroy(timeoutError(`${request.method} ${server}${request.path}: the answer did not end`, 0)),
      )
      try {
        return await readText(stream)
      } catch (error) {
        request.signal?.throwIfAborted()
        throw toStatusError(error, request, server)
      } finally {
        cancelTimeout()
        if (!stream.closed) close()
      }
    },
  }
}

/** The server answered 429, or 5xx with Retry-After. */
class ComeAgain extends Error {
  readonly answer: StatusError
  readonly afterMs: number
  constructor(answer: StatusError, afterMs: number) {
    super(answer.message)
    this.answer = answer
    this.afterMs = afterMs
  }
}

/** The request never left. */
class NotSent extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Milliseconds to wait before the next try, or undefined when there must be none. */
function pauseBeforeRetry(
  error: unknown,
  request: Request,
  tries: number,
  random: Random,
): number | undefined {
  if (error instanceof ComeAgain) return error.afterMs
  if (isRefusedStream(error)) return 0
  if (tries === 0 && request.method === 'GET' && isConnectionLoss(error)) return 50 * (1 + random.next())
  return undefined
}

/** The server says that it did not look at the request (RFC 9113, 8.7): any method may be sent again. */
function isRefusedStream(error: unknown): boolean {
  return error instanceof Error && /NGHTTP2_REFUSED_STREAM/.test(error.message)
}

function isConnectionLoss(error: unknown): boolean {
  return error instanceof Error && !(error instanceof NotSent) && !('status' in error)
}

function toStatusError(error: unknown, request: Request, server: string): StatusError {
  if (error instanceof ComeAgain) return error.answer
  if (error instanceof Error && 'status' in error) return error as StatusError
  const cause = error instanceof NotSent ? error.cause : error
  const detail = cause instanceof Error ? cause.message : String(cause)
  return unreachable(`${request.method} ${server}${request.path}: ${detail}`, cause)
}

/** Source: client-go rest/with_retry.go: 429 and 5xx are retried exactly when they carry Retry-After in seconds. */
function retryAfterMs(code: number, headers: ResponseHeaders): number | undefined {
  if (code !== 429 && code < 500) return undefined
  const seconds = Number.parseInt(headers['retry-after'] ?? '', 10)
  return Number.isNaN(seconds) ? undefined : seconds * 1000
}

function responseHeaders(stream: ClientHttp2Stream): Promise<ResponseHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve)
    stream.on('error', reject)
    stream.once('close', () => reject(new Error('the connection was closed before an answer')))
  })
}

async function readText(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Returns what cancels the stream by hand. */
function cancelOnAbort(stream: ClientHttp2Stream, signal: AbortSignal | undefined): () => void {
  const cancel = () => {
    stream.on('error', () => {}) // the one who cancels has left
    stream.close(constants.NGHTTP2_CANCEL)
    stream.destroy()
  }
  if (signal) {
    if (signal.aborted) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    stream.once('close', () => signal.removeEventListener('abort', cancel))
  }
  return cancel
}
