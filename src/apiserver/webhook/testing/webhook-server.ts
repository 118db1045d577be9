import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../../machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../../machinery/pki/certificate.ts'
import type { WebhookTarget } from '../webhook-client.ts'

/** One call that a webhook got. */
export interface ReceivedCall {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** The body as it came, and what it says. */
  readonly text: string
  readonly body: unknown
  readonly remotePort: number
}

export interface WebhookServerOptions {
  /** Whom the certificate is for; 127.0.0.1 is always among them. */
  readonly dnsNames?: readonly string[]
  /** Default 127.0.0.1. */
  readonly address?: string
}

export interface WebhookServer extends AsyncDisposable {
  readonly port: number
  /** Base64 of PEM, as in configurations. */
  readonly caBundle: string
  readonly calls: ReceivedCall[]
  /** What is answered to the calls from now on: JSON, or as the function says. */
  respond: (body: never, response: ServerResponse) => unknown
  /** What is answered to GETs, by path. */
  documents: Readonly<Record<string, unknown>>
  /** How the API server is told of it, by URL. */
  target(path?: string): WebhookTarget
  /** Ends connections that are not in use. */
  closeIdle(): void
}

/** An HTTPS server that answers JSON with JSON. */
export async function startWebhookServer({
  dnsNames = [],
  address = '127.0.0.1',
}: WebhookServerOptions = {}): Promise<WebhookServer> {
  const now = systemClock.now()
  const authority = createCertificateAuthority({ commonName: 'webhooks', now })
  const certificate = issueCertificate(authority, {
    commonName: 'webhook',
    names: { dnsNames: [...dnsNames], ipAddresses: [...new Set(['127.0.0.1', address])] },
    usages: ['server auth', 'digital signature'],
    now,
  })
  const server = createServer(
    { cert: certificate.certificatePem, key: certificate.privateKeyPem },
    (request, response) => void answer(request, response),
  )
  const webhookServer: WebhookServer = {
    get port() {
      return (server.address() as AddressInfo).port
    },
    caBundle: Buffer.from(authority.certificatePem).toString('base64'),
    calls: [],
    respond: () => ({}),
    documents: {},
    target(path = '/') {
      return { url: `https://127.0.0.1:${this.port}${path}`, caBundle: this.caBundle }
    },
    closeIdle: () => server.closeIdleConnections(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json')
      return void response.end(JSON.stringify(webhookServer.documents[request.url ?? '']))
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const body: unknown = JSON.parse(text)
    const remotePort = request.socket.remotePort ?? 0
    const { url: path = '', headers } = request
    webhookServer.calls.push({ path, headers, text, body, remotePort })
    const value = await webhookServer.respond(body as never, response)
    if (response.writableEnded || value === undefined) return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }

  server.listen(0, address)
  await once(server, 'listening')
  return webhookServer
}
