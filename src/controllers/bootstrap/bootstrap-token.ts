import type { Secret } from '../../api/generated/core.v1.ts'
import type { InformerScope } from '../../client/informer.ts'

export const tokenSecretType = 'bootstrap.kubernetes.io/token'

/** Secrets that are bootstrap tokens, and no others. */
export const tokenSecrets: InformerScope = {
  namespace: 'kube-system',
  fieldSelector: `type=${tokenSecretType}`,
}

export function textOf({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString()
}

/** When the token ends, milliseconds since the epoch; `never` without a time, long ago with one that cannot be read. */
export function tokenExpiryMs(secret: Secret): number | 'never' {
  const expiration = textOf(secret, 'expiration')
  if (expiration === '') return 'never'
  const expiry = Date.parse(expiration)
  return Number.isNaN(expiry) ? 0 : expiry
}
