import { request } from 'node:https'

export interface RawRequest {
  readonly method?: string
  /** Sent as it is: neither dots nor percent signs are interpreted on the way. */
  readonly path: string
  /** `Name: value`, as they are sent; names may come twice. */
  readonly headers?: readonly string[]
  readonly body?: unknown
  /** Instead of a body: as it is. */
  readonly text?: string
  readonly certificate?: { readonly cert: string; readonly key: string }
}

export interface RawAnswer {
  readonly status: number
  readonly text: string
}

/** One request over a connection of its own, in exactly the bytes that are asked for. */
export function rawRequest(server: string, ca: string, wanted: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', path, headers = [], body, text, certificate } = wanted
  const { hostname, port } = new URL(server)
  const content = text ?? (body === undefined ? '' : JSON.stringify(body))
  const hasType = headers.some((line) => /^content-type:/i.test(line))
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const sent = request(
    {
      host: hostname,
      port,
      method,
      path,
      agent: false,
      ca,
      ...certificate,
      headers: [
        `Host: ${hostname}:${port}`,
        `Content-Length: ${Buffer.byteLength(content)}`,
        ...(hasType ? [] : ['Content-Type: application/json']),
        ...headers,
      ].flatMap((line) => line.split(/: (.*)/, 2)),
    },
    (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      )
    },
  )
  sent.on('error', reject)
  sent.end(content)
  return promise
}
