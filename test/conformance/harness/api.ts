import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { ConnectionOptions } from '../../../src/client/kubeconfig.ts'

/** Whatever a JSON document holds; a test says by its asserts what it expects. */
// oxlint-disable-next-line typescript/no-explicit-any -- a document of any kind is read
export type Json = any

export interface ApiAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. */
  readonly json: Json
}

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Text is sent as it is; all else as JSON. */
  readonly body?: unknown
}

/** Requests as they are sent, and answers as they come. */
export interface Api {
  (method: string, path: string, request?: ApiRequest): Promise<ApiAnswer>
  close(): void
}

export function createApi({ server, caData, certData, keyData }: ConnectionOptions): Api {
  const session = connect(server, {
    ...(caData !== undefined && { ca: caData }),
    ...(certData !== undefined && { cert: certData }),
    ...(keyData !== undefined && { key: keyData }),
  })
  session.on('error', () => {})
  const send = (method: string, path: string, { query = {}, headers = {}, body }: ApiRequest = {}) =>
    new Promise<ApiAnswer>((resolve, reject) => {
      const parameters = new URLSearchParams(query).toString()
      const request = session.request({
        ':method': method,
        ':path': parameters ? `${path}?${parameters}` : path,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      })
      let received: IncomingHttpHeaders = {}
      let text = ''
      request.setEncoding('utf8')
      request.on('response', (answer) => (received = answer))
      request.on('data', (chunk: string) => (text += chunk))
      request.on('error', reject)
      request.on('end', () =>
        resolve({
          status: Number(received[':status']),
          headers: received,
          text,
          get json() {
            return JSON.parse(text)
          },
        }),
      )
      request.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
    })
  return Object.assign(send, { close: () => session.destroy() })
}
