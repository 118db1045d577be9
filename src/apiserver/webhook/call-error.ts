import { X509Certificate } from 'node:crypto'
import { goQuote } from '../../machinery/go-format.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Clock } from '../../machinery/clock.ts'

/** A webhook was not reached, or what it answered is no answer. The message is as Go's net/http words it. */
export class WebhookCallError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'WebhookCallError'
  }
}

/** `Post "https://...": dial tcp 10.0.0.1:443: connect: connection refused` */
export function postError(url: string, detail: string, cause?: unknown): WebhookCallError {
  return new WebhookCallError(`Post ${goQuote(url)}: ${detail}`, cause)
}

interface SystemError extends Error {
  readonly code?: string
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
  readonly cert?: { readonly raw?: Buffer }
}

const dialFaults: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
}

const unknownAuthority: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
])

/** What went wrong with a connection, in the words that users know from Go. */
export function describeFailure(
  caught: unknown,
  target: { readonly host: string; readonly port: number; readonly serverName: string },
  clock: Clock,
): string {
  const error = caught as SystemError
  const { code = '', message } = error
  const dial = dialFaults[code]
  if (dial !== undefined) return `dial tcp ${hostPort(error.address ?? target.host, target.port)}: ${dial}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `dial tcp: lookup ${error.hostname ?? target.host}: no such host`
  }
  if (unknownAuthority.has(code)) return verification('certificate signed by unknown authority')
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return verification(
        `certificate has expired or is not yet valid: current time ${formatTime(clock.now())}`,
      )
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return verification(nameFault(error, target.serverName || target.host))
    case 'ECONNRESET':
      return message === 'socket hang up' || message.includes('before secure TLS connection')
        ? 'EOF'
        : 'read: connection reset by peer'
    case 'EPIPE':
      return 'write: broken pipe'
    case 'EPROTO':
      return /wrong version number|packet length too long/.test(message)
        ? 'http: server gave HTTP response to HTTPS client'
        : `remote error: tls: ${message}`
    default:
      return message
  }
}

function verification(detail: string): string {
  return `tls: failed to verify certificate: x509: ${detail}`
}

function nameFault({ cert }: SystemError, wanted: string): string {
  const names = cert?.raw ? new X509Certificate(cert.raw).subjectAltName : undefined
  if (names === undefined) {
    return 'certificate relies on legacy Common Name field, use SANs instead'
  }
  const valid = names
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .join(', ')
  return `certificate is valid for ${valid}, not ${wanted}`
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
