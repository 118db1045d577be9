import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { getCACertificates } from 'node:tls'
import type { Clock } from '../../machinery/clock.ts'
import type { User } from '../authentication/authenticator.ts'
import {
  tlsOptions,
  originOf,
  type Backend,
  type BackendAgents,
  type TlsIdentity,
} from '../connect/backend.ts'
import type { ServiceResolver } from '../webhook/service-resolver.ts'
import type { RemoteApi } from './remote-apis.ts'

/** Who the aggregator is when it asks of its own accord; remote servers let it see all. */
const aggregatorUser: User = { name: 'system:kube-aggregator', groups: ['system:masters'] }

/** Where the server of an API is at this moment. Throws when nobody is there. */
export function backendOf(
  { spec, service }: RemoteApi,
  resolve: ServiceResolver,
  identity: TlsIdentity,
  { verified = true }: { readonly verified?: boolean } = {},
): Backend {
  const { host, port } = resolve(service.namespace, service.name, service.port)
  const isVerified = verified && !spec.insecureSkipTLSVerify
  const authority = spec.caBundle ? Buffer.from(spec.caBundle, 'base64').toString() : machineAuthorities()
  return {
    scheme: 'https',
    host,
    port,
    tls: {
      ...(identity.certificate && { certificate: identity.certificate }),
      ...(identity.key && { key: identity.key }),
      ...(isVerified && { certificateAuthority: authority }),
      serverName: `${service.name}.${service.namespace}.svc`,
    },
  }
}

function machineAuthorities(): string {
  return getCACertificates('system').join('\n')
}

/** Who a request is for, told by headers that are believed for the aggregator's certificate. Source: client-go/transport. */
export function userHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'x-remote-user': name }
  if (uid) headers['x-remote-uid'] = uid
  if (groups.length > 0) headers['x-remote-group'] = [...groups]
  for (const [key, values] of Object.entries(extra)) {
    headers[`x-remote-extra-${escapeHeaderKey(key)}`] = [...values]
  }
  return headers
}

/** Percent-encodes what a header name cannot have, and the percent sign. */
function escapeHeaderKey(key: string): string {
  return Array.from(Buffer.from(key.toLowerCase()), (byte) => {
    const character = String.fromCharCode(byte)
    return /[a-z0-9!#$&'*+.^_`|~-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
}

export interface Fetched {
  readonly status: number
  readonly contentType: string
  readonly etag: string
  readonly body: Buffer
}

export interface FetchOptions {
  readonly accept?: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly agents: BackendAgents
}

const maxBodyBytes = 64 * 1024 * 1024

/** GETs a document of a remote server, as the aggregator. Redirects are answers. */
export function fetchFrom(backend: Backend, path: string, options: FetchOptions): Promise<Fetched> {
  const { accept = 'application/json', timeoutMs, clock, agents } = options
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${originOf(backend)}${path}`, {
      headers: { accept, ...userHeaders(aggregatorUser) },
      agent: agents.for(backend),
      ...tlsOptions(backend),
    })
    const cancelTimeout = clock.after(timeoutMs, () => {
      request.destroy(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'))
    })
    request.once('close', cancelTimeout)
    request.once('error', reject)
    request.once('response', (response) => {
      readBody(response).then(
        (body) =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers['content-type'] ?? '',
            etag: response.headers.etag ?? '',
            body,
          }),
        reject,
      )
    })
    request.end()
  })
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxBodyBytes) {
      response.destroy()
      throw new Error(`the response is larger than ${maxBodyBytes} bytes`)
    }
  }
  return Buffer.concat(chunks)
}
