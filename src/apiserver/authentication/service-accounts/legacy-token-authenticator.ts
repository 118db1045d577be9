import { hash, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../../api/generated/core.v1.ts'
import { secrets, serviceAccounts } from '../../../api/generated/resources.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { parseToken, verifyToken, type Claims } from '../../../machinery/pki/json-web-token.ts'
import { unauthorized } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import { serviceAccountGroups, serviceAccountUsername } from '../known-users.ts'
import type { TokenAuthenticator } from '../token-authenticator.ts'
import type { TokenKeys } from './token-keys.ts'

const legacyIssuer = 'kubernetes/serviceaccount'
const claimPrefix = 'kubernetes.io/serviceaccount/'
const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since'
const cacheSize = 4096

interface LegacyClaims {
  readonly namespace: string
  readonly secretName: string
  readonly serviceAccountName: string
  readonly serviceAccountUid: string
}

/**
 * Knows service accounts by the tokens without expiry that stand in secrets of type
 * kubernetes.io/service-account-token. The secret must still hold the very token.
 * Source: kubernetes/pkg/serviceaccount/legacy.go.
 */
export function createLegacyTokenAuthenticator(options: {
  readonly objects: Objects
  readonly clock: Clock
  readonly keys: TokenKeys
  /** For what such a token is good. */
  readonly apiAudiences: readonly string[]
  /** Called when the date of the last use could not be written to the secret, which does no harm to the request. */
  readonly onTrackingError: (error: unknown) => void
}): TokenAuthenticator {
  const { objects, clock, keys, apiAudiences } = options
  const signatures = new Map<string, boolean>()

  function isSigned(token: string, parsed: NonNullable<ReturnType<typeof parseToken>>): boolean {
    const key = hash('sha256', token, 'base64url')
    let result = signatures.get(key)
    if (result === undefined) {
      result = keys.verifying.some(({ publicKey }) => verifyToken(parsed, publicKey))
      if (signatures.size >= cacheSize) signatures.delete(signatures.keys().next().value!)
      signatures.set(key, result)
    }
    return result
  }

  /** Keeps the day of the last use on the secret, for whoever wants to find tokens that nobody uses. */
  async function track(secret: Secret): Promise<void> {
    const today = new Date(clock.now()).toISOString().slice(0, 10)
    if (secret.metadata?.labels?.[lastUsedLabel] === today) return
    const { namespace = '', name = '' } = secret.metadata ?? {}
    try {
      await objects.change(secrets, { namespace, name }, (writable) => {
        const metadata = (writable.metadata ??= {})
        ;(metadata.labels ??= {})[lastUsedLabel] = today
      })
    } catch (error) {
      options.onTrackingError(error)
    }
  }

  return {
    name: 'legacy-service-account-token',
    async authenticateToken(token, audiences) {
      const parsed = parseToken(token)
      if (parsed?.claims['iss'] !== legacyIssuer) return undefined
      if (!isSigned(token, parsed)) throw unauthorized('invalid bearer token')
      const common = apiAudiences.filter((audience) => audiences.includes(audience))
      if (common.length === 0) {
        throw unauthorized(
          `token audiences ${JSON.stringify(apiAudiences)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
        )
      }
      const claims = legacyClaims(parsed.claims)
      const secret = validate(claims, token, objects)
      await track(secret)
      return {
        user: {
          name: serviceAccountUsername(claims.namespace, claims.serviceAccountName),
          uid: claims.serviceAccountUid,
          groups: serviceAccountGroups(claims.namespace),
        },
        audiences: common,
      }
    },
  }
}

function legacyClaims(claims: Claims): LegacyClaims {
  const text = (key: string, name: string): string => {
    const value = claims[`${claimPrefix}${key}`]
    if (typeof value !== 'string' || value === '') throw unauthorized(`${name} claim is missing`)
    return value
  }
  const namespace = text('namespace', 'namespace')
  const secretName = text('secret.name', 'secretName')
  const serviceAccountName = text('service-account.name', 'serviceAccountName')
  const serviceAccountUid = text('service-account.uid', 'serviceAccountUID')
  if (claims['sub'] !== serviceAccountUsername(namespace, serviceAccountName)) {
    throw unauthorized('sub claim is invalid')
  }
  return { namespace, secretName, serviceAccountName, serviceAccountUid }
}

function validate(claims: LegacyClaims, token: string, objects: Objects): Secret {
  const { namespace, secretName, serviceAccountName, serviceAccountUid } = claims
  const secret = objects.get(secrets, { namespace, name: secretName })
  const stored = Buffer.from(secret?.data?.['token'] ?? '', 'base64')
  const given = Buffer.from(token)
  if (
    !secret ||
    secret.metadata?.deletionTimestamp ||
    stored.length !== given.length ||
    !timingSafeEqual(stored, given)
  ) {
    throw unauthorized('service account token has been invalidated')
  }
  const account = objects.get(serviceAccounts, { namespace, name: serviceAccountName })
  if (!account) throw unauthorized(`serviceaccounts "${serviceAccountName}" not found`)
  if (account.metadata?.deletionTimestamp) {
    throw unauthorized(`service account ${namespace}/${serviceAccountName} has been deleted`)
  }
  if (account.metadata?.uid !== serviceAccountUid) {
    throw unauthorized(
      `ServiceAccount UID (${account.metadata?.uid ?? ''}) does not match claim (${serviceAccountUid})`,
    )
  }
  if (secret.metadata?.labels?.[invalidSinceLabel]) {
    throw unauthorized(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${serviceAccountName} has been ` +
        'marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the ' +
        `'${invalidSinceLabel}' label from the secret to temporarily allow use of this token`,
    )
  }
  return secret
}
