import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect as connectTcp, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

/** Where a request is passed on to. */
export interface Backend {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** How it is spoken to; for https. */
  readonly tls?: TlsIdentity
}

/** Who the API server is to a backend, and whom it trusts to be one. */
export interface TlsIdentity {
  readonly certificate?: string
  readonly key?: string
  /** Backends are not verified when absent, as upstream's without --kubelet-certificate-authority. */
  readonly certificateAuthority?: string
  /** Whom the backend's certificate must be for, where that is not whom it is called by. */
  readonly serverName?: string
}

const dialTimeoutMs = 30_000

/** A connection for an upgrade, ready to be written to. Rejects when the backend cannot be reached. */
export function dial(backend: Backend): Promise<Duplex> {
  const { host, port, scheme } = backend
  return new Promise((resolve, reject) => {
    const options = { host, port, allowHalfOpen: true }
    const socket =
      scheme === 'https'
        ? connectTls({ ...options, ...tlsOptions(backend) }, onConnect)
        : connectTcp(options, onConnect)
    function onConnect(): void {
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    }
    socket.setNoDelay(true)
    socket.setTimeout(dialTimeoutMs, () => socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)))
    socket.once('error', reject)
  })
}

export function tlsOptions({ host, tls = {} }: Backend): ConnectionOptions {
  return {
    ...(tls.certificate && tls.key && { cert: tls.certificate, key: tls.key }),
    ...(tls.certificateAuthority && { ca: tls.certificateAuthority }),
    rejectUnauthorized: tls.certificateAuthority !== undefined,
    // Absent, Node.js would verify the Host header of the request that is passed on instead.
    servername: tls.serverName ?? (isIP(host) === 0 ? host : ''),
    ALPNProtocols: ['http/1.1'],
  }
}

/** Keeps connections to backends open between requests. */
export class BackendAgents {
  readonly #http = new HttpAgent({ keepAlive: true })
  readonly #https = new HttpsAgent({ keepAlive: true })

  for({ scheme }: Backend): HttpAgent {
    return scheme === 'https' ? this.#https : this.#http
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

/** `https://10.0.0.1:10250` */
export function originOf({ scheme, host, port }: Backend): string {
  return `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}
