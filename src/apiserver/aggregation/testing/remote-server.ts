import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { systemClock } from '../../../machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../../machinery/pki/certificate.ts'

/** One request that a remote server got. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Common name of the client's certificate. */
  readonly client: string
  readonly body: string
}

export interface RemoteServer extends AsyncDisposable {
  readonly port: number
  /** Base64 of PEM. */
  readonly caBundle: string
  readonly seen: SeenRequest[]
  /** Answers other paths than discovery's. */
  respond: (request: SeenRequest, response: ServerResponse) => void
  onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Whether it is well. */
  isUp: boolean
}

/** A server of the API `wardle.example.com/v1` with flunders, as service `wardle` in `default`. */
export async function startRemoteServer(): Promise<RemoteServer> {
  const now = systemClock.now()
  const authority = createCertificateAuthority({ commonName: 'wardle-ca', now })
  const certificate = issueCertificate(authority, {
    commonName: 'wardle',
    names: { dnsNames: ['wardle.default.svc'] },
    usages: ['server auth', 'digital signature'],
    now,
  })
  const server = createServer(
    {
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => void answer(request, response),
  )
  server.on('upgrade', (request, socket, head) => remote.onUpgrade(request, socket, head as Buffer))
  const remote: RemoteServer = {
    get port() {
      return (server.address() as AddressInfo).port
    },
    caBundle: Buffer.from(authority.certificatePem).toString('base64'),
    seen: [],
    respond: (_request, response) => response.writeHead(404).end(),
    onUpgrade: (_request, socket) => socket.destroy(),
    isUp: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { url = '', method = '', headers } = request
    const peer = (request.socket as TLSSocket).getPeerCertificate()
    const { CN: client = '' } = (peer.subject ?? {}) as { readonly CN?: string }
    const seen = { method, url, headers, client, body: Buffer.concat(chunks).toString() }
    if (headers['x-remote-user'] !== 'system:kube-aggregator') remote.seen.push(seen)
    if (!remote.isUp) return void response.writeHead(500).end()
    const document = documents[url.split('?')[0]!]
    if (!document) return remote.respond(seen, response)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(document))
  }

  server.listen(0, 'localhost')
  await once(server, 'listening')
  return remote
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

const documents: Readonly<Record<string, unknown>> = {
  '/apis/wardle.example.com/v1': {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'wardle.example.com/v1',
    resources: [
      {
        name: 'flunders',
        singularName: 'flunder',
        namespaced: true,
        kind: 'Flunder',
        verbs,
        shortNames: ['fl'],
      },
      {
        name: 'flunders/status',
        singularName: '',
        namespaced: true,
        kind: 'Flunder',
        verbs: ['get', 'update'],
      },
    ],
  },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      '/apis/wardle.example.com/v1/flunders': {
        get: {
          operationId: 'listFlunders',
          responses: { 200: { schema: { $ref: '#/definitions/Flunder' } } },
        },
      },
      '/healthz': { get: { operationId: 'healthz' } },
    },
    definitions: {
      Flunder: { type: 'object', properties: { spec: { $ref: '#/definitions/FlunderSpec' } } },
      FlunderSpec: { type: 'object' },
      Unused: { type: 'object' },
    },
  },
  '/openapi/v3': {
    paths: {
      'apis/wardle.example.com/v1': { serverRelativeURL: '/openapi/v3/apis/wardle.example.com/v1?hash=ABC' },
      version: { serverRelativeURL: '/openapi/v3/version?hash=DEF' },
    },
  },
  '/openapi/v3/apis/wardle.example.com/v1': { openapi: '3.0.0', paths: {} },
}
