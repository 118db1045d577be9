import type { X509Certificate } from 'node:crypto'
import type { Duplex, Readable } from 'node:stream'

/** Header names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>
export type ReplyHeaders = Readonly<Record<string, string | number | readonly string[]>>

/** A request as both versions of HTTP bring it. */
export interface HttpRequest {
  readonly method: string
  /** Decoded: `/api/v1/namespaces/default/pods`. */
  readonly path: string
  /** As it was sent, with the query: `/api/v1/pods?limit=5`. */
  readonly url: string
  readonly query: URLSearchParams
  readonly headers: RequestHeaders
  readonly certificate: X509Certificate | undefined
  readonly remoteAddress: string
  readonly protocol: 'HTTP/1.1' | 'HTTP/2.0'
  /** Aborts when the client goes before the reply is complete. Made on first use. */
  readonly signal: AbortSignal
  /** The whole body. Throws 413 when it has more than `maxBytes`. */
  body(maxBytes: number): Promise<Buffer>
  /** The body as it comes; instead of `body`. */
  readonly bodyStream: Readable
  /** Present when the client wants to speak another protocol on this connection. */
  readonly upgrade?: Upgrade
}

/** A connection that its client wants to use for something else than HTTP/1.1 from here on. */
export interface Upgrade {
  /** `websocket`, `spdy/3.1`: lower case. */
  readonly protocol: string
  readonly socket: Duplex
  /** What came behind the request's head already. */
  readonly head: Buffer
}

/** The answer to a request, before it is written in either version of HTTP. */
export interface HttpReply {
  readonly status: number
  readonly headers: ReplyHeaders
  readonly body?: ReplyBody
  /** Takes the connection over instead; only for requests with an upgrade. Resolves when it is over. */
  readonly takeOver?: (upgrade: Upgrade) => Promise<void>
}

export type ReplyBody =
  | Buffer
  /** Written piece by piece; the reply ends when the promise does. Its length is in the headers, or unknown. */
  | ((sink: ByteSink) => Promise<void>)

/** Where a streamed body goes. */
export interface ByteSink {
  /**
   * Returns a promise when the client reads too slowly: wait for it before writing more. Then nothing of the chunk waits
   * to be sent any more; what was taken at once, without a promise, may still. Does nothing once closed.
   */
  write(chunk: Buffer): Promise<void> | undefined
  readonly closed: boolean
  /** Cuts the reply off. */
  close(): void
  /** Calls `handler` when the client goes, at once if it has gone. */
  onClose(handler: () => void): void
}

/** The first value of a header. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'object' ? value[0] : value
}
