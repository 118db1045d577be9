import { Readable } from 'node:stream'
import { responseError } from '../../machinery/response-error.ts'
import type { User } from '../authentication/authenticator.ts'
import type { ApiHandler } from './api-handler.ts'
import type { ByteSink, HttpReply, HttpRequest } from './http-exchange.ts'
import { decodePath, queryOf } from './request-url.ts'

export interface RawRequestOptions {
  /** As in an Accept header. Default: JSON. */
  readonly accept?: string
  readonly signal?: AbortSignal
}

/** The body of a GET of any path as text, on behalf of somebody who is known. Throws the StatusError that it answers. */
export async function rawRequest(
  handler: ApiHandler,
  user: User,
  url: string,
  { accept = 'application/json', signal = new AbortController().signal }: RawRequestOptions = {},
): Promise<string> {
  const request: HttpRequest = {
    method: 'GET',
    url,
    path: decodePath(url),
    query: queryOf(url),
    headers: { accept },
    certificate: undefined,
    remoteAddress: '',
    protocol: 'HTTP/1.1',
    signal,
    body: () => Promise.resolve(Buffer.alloc(0)),
    bodyStream: Readable.from([]),
  }
  const reply = await handler.handleAs(request, user)
  const text = await textOf(reply, signal)
  if (reply.status >= 400) throw responseError(reply.status, text, request.method)
  return text
}

async function textOf({ body }: HttpReply, signal: AbortSignal): Promise<string> {
  if (body === undefined) return ''
  if (typeof body !== 'function') return body.toString()
  const chunks: Buffer[] = []
  const sink: ByteSink = {
    get closed() {
      return signal.aborted
    },
    close: () => {},
    onClose(handler) {
      if (signal.aborted) handler()
      else signal.addEventListener('abort', handler, { once: true })
    },
    write(chunk) {
      chunks.push(chunk)
      return undefined
    },
  }
  await body(sink)
  return Buffer.concat(chunks).toString()
}
