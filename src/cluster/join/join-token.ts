import { createHash, randomInt, timingSafeEqual, X509Certificate } from 'node:crypto'
import type { Secret } from '../../api/generated/core.v1.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'

/**
 * What a machine joins with: a bootstrap token, by which the cluster knows the machine, and the hash of the cluster's
 * authority, by which the machine knows the cluster. `ID.SECRET.HASH`, the hash being kubeadm's without `sha256:`.
 */
export interface JoinToken {
  readonly bootstrapToken: string
  /** SHA-256 of the authority's SubjectPublicKeyInfo, in hexadecimal. */
  readonly authorityHash: string
}

const form = /^([a-z0-9]{6}\.[a-z0-9]{16})\.([0-9a-f]{64})$/
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Throws CliError where it is no token. */
export function parseJoinToken(text: string): JoinToken {
  const [, bootstrapToken, authorityHash] = form.exec(text) ?? []
  if (bootstrapToken === undefined || authorityHash === undefined) {
    throw new CliError("the token is none that 'k8ts token create' has made", exitCodes.usage)
  }
  return { bootstrapToken, authorityHash }
}

export function formatJoinToken(bootstrapToken: string, authorityPem: string): string {
  return `${bootstrapToken}.${authorityHash(authorityPem)}`
}

function authorityHash(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex')
}

export function isPinned(authorityPem: string, { authorityHash: pin }: JoinToken): boolean {
  return timingSafeEqual(Buffer.from(authorityHash(authorityPem)), Buffer.from(pin))
}

/** `abcdef.0123456789abcdef`, new. */
export function newBootstrapToken(): string {
  const text = (length: number) => Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
  return `${text(6)}.${text(16)}`
}

/** The Secret by which the API server knows the token, as kubeadm makes it. `expiration` as RFC 3339 has it. */
export function bootstrapTokenSecret(token: string, expiration: string | undefined): Secret {
  const [id = '', secret = ''] = token.split('.')
  return {
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      ...(expiration !== undefined && { expiration }),
    },
  }
}
