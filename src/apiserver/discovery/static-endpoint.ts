import type { Endpoint } from '../http/api-handler.ts'
import type { HttpReply } from '../http/http-exchange.ts'
import { textReply } from '../http/reply.ts'

/** A document that does not change while the server runs. */
export interface StaticDocument {
  readonly path: string
  readonly contentType: string
  readonly cacheControl?: string
  readonly body: string
}

/** Serves documents, each at its path. */
export function staticEndpoint(documents: readonly StaticDocument[]): Endpoint {
  const byPath = new Map(documents.map((document) => [document.path, replyOf(document)]))
  return ({ request, info }) => {
    const reply = request.method === 'GET' || request.method === 'HEAD' ? byPath.get(info.path) : undefined
    return reply && Promise.resolve(reply)
  }
}

function replyOf({ body, contentType, cacheControl }: StaticDocument): HttpReply {
  const reply = textReply(200, body, contentType)
  return cacheControl ? { ...reply, headers: { ...reply.headers, 'cache-control': cacheControl } } : reply
}
