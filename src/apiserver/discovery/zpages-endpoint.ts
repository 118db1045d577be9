import type { ComponentZPages } from '../../api/zpages/component-zpages.ts'
import type { Endpoint } from '../http/api-handler.ts'
import { textReply } from '../http/reply.ts'

/** `/statusz` and `/flagz`. They are made when they are first asked for. */
export function zpagesEndpoint(make: () => Promise<ComponentZPages>): Endpoint {
  let made: Promise<ComponentZPages> | undefined
  const reply = async (url: string, requestHeaders: Parameters<ComponentZPages['answer']>[1]) => {
    const { answer } = await (made ??= make())
    const found = answer(url, requestHeaders)
    if (!found) return textReply(404, '404 page not found\n')
    const { status, headers, body } = found
    const plain = textReply(status, body)
    return { ...plain, headers: { ...plain.headers, ...headers } }
  }
  return ({ request, info }) =>
    info.path === '/statusz' || info.path === '/flagz' ? reply(request.url, request.headers) : undefined
}
