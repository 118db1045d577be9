import { hash } from 'node:crypto'
import { goQuoteList } from '../../../machinery/go-format.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { createMetrics, type Metrics } from '../../../machinery/metrics.ts'
import { parseToken, verifyToken, type ParsedToken } from '../../../machinery/pki/json-web-token.ts'
import { unauthorized } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { User } from '../authenticator.ts'
import type { Annotate, TokenAuthenticator } from '../token-authenticator.ts'
import { decodeClaims, userOfClaims, type ServiceAccountClaims } from './claims.ts'
import type { TokenKeys } from './token-keys.ts'
import { createTokenMetrics } from './token-metrics.ts'
import { boundFault, cachedBoundObjects, latestBoundObjects, periodFault } from './validate-claims.ts'

/** Tokens remembered; beyond it the oldest is forgotten. */
const cacheSize = 16_384

/** What never changes about a token. */
type Verified =
  | { readonly type: 'signed'; readonly claims: ServiceAccountClaims; readonly user: User }
  | { readonly type: 'refused'; readonly reason: string }

/**
 * Knows service accounts by the tokens that createServiceAccountToken makes. Signatures are checked once per token and
 * remembered under its hash, good or bad; expiry and the objects that the token is bound to are looked at every time, so
 * that a token ends with them.
 * Source: kubernetes/pkg/serviceaccount/jwt.go.
 */
export function createServiceAccountTokenAuthenticator(options: {
  readonly objects: Objects
  readonly clock: Clock
  /** The first one signs; tokens of all of them are believed. */
  readonly issuers: readonly string[]
  readonly keys: TokenKeys
  readonly metrics?: Metrics
}): TokenAuthenticator {
  const { objects, clock, issuers, keys } = options
  const counts = createTokenMetrics(options.metrics ?? createMetrics())
  const remembered = new Map<string, Verified>()

  function verified(token: string, parsed: ParsedToken): Verified {
    const key = hash('sha256', token, 'base64url')
    let result = remembered.get(key)
    if (!result) {
      result = verify(parsed, keys)
      if (remembered.size >= cacheSize) remembered.delete(remembered.keys().next().value!)
      remembered.set(key, result)
    }
    return result
  }

  /** The caches may not have seen yet what another server wrote: they can grant, but only the store can refuse. */
  async function findBoundFault(claims: ServiceAccountClaims): Promise<string | undefined> {
    const now = clock.now()
    if (boundFault(claims, cachedBoundObjects(claims, objects), now) === undefined) return undefined
    return boundFault(claims, await latestBoundObjects(claims, objects), now)
  }

  /** Clients that do not read renewed tokens are found by what this tells. */
  function noteAge({ warnAfter }: ServiceAccountClaims, user: User, annotate?: Annotate): void {
    if (warnAfter === undefined) return
    const secondsLate = Math.floor(clock.now() / 1000) - warnAfter
    if (secondsLate <= 0) return counts.valid.add()
    counts.stale.add()
    annotate?.(
      'authentication.k8s.io/stale-token',
      `subject: ${user.name}, seconds after warning threshold: ${secondsLate}`,
    )
  }

  return {
    name: 'service-account-token',
    async authenticateToken(token, audiences, annotate) {
      const parsed = parseToken(token)
      if (!parsed || !issuers.includes(String(parsed.claims['iss']))) return undefined
      const result = verified(token, parsed)
      if (result.type === 'refused') throw unauthorized(result.reason)
      const { claims, user } = result
      const common = claims.audiences.filter((audience) => audiences.includes(audience))
      if (common.length === 0) {
        throw unauthorized(
          `token audiences ${goQuoteList(claims.audiences)} is invalid for the target audiences ${goQuoteList(audiences)}`,
        )
      }
      const fault = periodFault(claims, clock.now()) ?? (await findBoundFault(claims))
      if (fault !== undefined) throw unauthorized(fault)
      noteAge(claims, user, annotate)
      return { user, audiences: common }
    },
  }
}

function verify(parsed: ParsedToken, keys: TokenKeys): Verified {
  const keyId = parsed.header['kid']
  const candidates = keys.verifying.filter(
    ({ id }) => typeof keyId !== 'string' || keyId === '' || id === keyId,
  )
  if (!candidates.some(({ publicKey }) => verifyToken(parsed, publicKey))) {
    return { type: 'refused', reason: 'invalid bearer token' }
  }
  const claims = decodeClaims(parsed.claims)
  if (!claims) return { type: 'refused', reason: 'Token could not be validated.' }
  return { type: 'signed', claims, user: userOfClaims(claims) }
}
