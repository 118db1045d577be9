import { connect, type ClientHttp2Session } from 'node:http2'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { testToken, type TestServer } from './test-server.ts'

export interface TestResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** The body as JSON. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface TestRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Speaks to a test server over TLS, as testUser, in both versions of HTTP. */
export class HttpsClient {
  readonly #server: TestServer
  #connected: ClientHttp2Session | undefined

  constructor(server: TestServer) {
    this.#server = server
  }

  /** Connects at first, and again when the server has ended the connection, as it does when that rests for long. */
  get session(): ClientHttp2Session {
    if (this.#connected !== undefined && !this.#connected.closed) return this.#connected
    const session = connect(this.#server.url, { ca: this.#server.certificateAuthority })
    // What is under way on it fails by itself.
    session.on('error', () => {})
    this.#connected = session
    return session
  }

  close(): void {
    this.#connected?.destroy()
  }

  /** One request over HTTP/2. */
  send(path: string, { method = 'GET', headers = {}, body }: TestRequest = {}): Promise<TestResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = {
        ':method': method,
        ':path': path,
        authorization: `Bearer ${testToken}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      }
      const stream = this.session.request(outgoing, { endStream: body === undefined })
      let received: IncomingHttpHeaders = {}
      let status = 0
      const chunks: Buffer[] = []
      stream.on('response', (responseHeaders) => {
        status = responseHeaders[':status'] ?? 0
        received = responseHeaders
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', reject)
      stream.on('end', () => resolve(responseOf(status, received, Buffer.concat(chunks))))
      if (body !== undefined) stream.end(encoded(body))
    })
  }

  /** One request over HTTP/1.1, on a connection of its own. */
  send1(path: string, { method = 'GET', headers = {}, body }: TestRequest = {}): Promise<TestResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(this.#options(path, method, headers, body !== undefined), (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () =>
          resolve(responseOf(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks))),
        )
      })
      outgoing.on('error', reject)
      outgoing.end(encoded(body))
    })
  }

  /** Asks for another protocol; resolves with the answer, and with the connection when it is 101. */
  upgrade(
    path: string,
    headers: Readonly<Record<string, string>>,
    method = 'GET',
  ): Promise<{
    readonly response: IncomingMessage
    readonly socket?: Duplex
    readonly head: Buffer
    readonly text: string
  }> {
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(this.#options(path, method, { connection: 'Upgrade', ...headers }, false))
      outgoing.on('upgrade', (response, socket, head) => resolve({ response, socket, head, text: '' }))
      outgoing.on('response', (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve({ response, head: Buffer.alloc(0), text }))
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  }

  #options(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    hasBody: boolean,
  ): RequestOptions {
    return {
      host: '127.0.0.1',
      port: this.#server.server.port,
      path,
      method,
      ca: this.#server.certificateAuthority,
      agent: false,
      headers: {
        authorization: `Bearer ${testToken}`,
        ...(hasBody && { 'content-type': 'application/json' }),
        ...headers,
      },
    }
  }
}

function encoded(body: unknown): string | Buffer | undefined {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return body
  return JSON.stringify(body)
}

function responseOf(status: number, headers: IncomingHttpHeaders, body: Buffer): TestResponse {
  return {
    status,
    headers,
    body,
    get text() {
      return body.toString()
    },
    get json() {
      return JSON.parse(body.toString()) as TestResponse['json']
    },
  }
}
