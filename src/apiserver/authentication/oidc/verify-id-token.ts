import type { Clock } from '../../../machinery/clock.ts'
import { goQuote, goQuoteList } from '../../../machinery/go-format.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Claims, ParsedToken } from '../../../machinery/pki/json-web-token.ts'
import { textClaim, textsClaim, timeClaim } from './decode-claim.ts'
import type { IssuerKeys } from './issuer-keys.ts'

/** Clocks differ; a token may begin to be valid this much later. */
const notBeforeLeewayMs = 60_000

export interface IdTokenRules {
  /** One of them must be the token's. */
  readonly audiences: readonly string[]
  /** How tokens may be signed. */
  readonly algorithms: readonly string[]
  readonly clock: Clock
}

/**
 * Checks what an issuer's token says of itself, then its signature. Throws an Error, in the words of go-oidc v2.
 * Source: github.com/coreos/go-oidc, IDTokenVerifier.Verify; k8s.io/apiserver/plugin/pkg/authenticator/token/oidc.
 */
export async function verifyIdToken(
  token: ParsedToken,
  keys: Pick<IssuerKeys, 'verify'>,
  { audiences, algorithms, clock }: IdTokenRules,
): Promise<void> {
  const { header, claims } = token
  const { accepted, expiry, notBefore } = during(() => {
    checkSources(claims)
    return {
      accepted: textsClaim(claims['aud'] ?? null),
      expiry: claims['exp'] === undefined ? undefined : timeClaim(claims['exp']),
      notBefore: claims['nbf'] === undefined || claims['nbf'] === null ? undefined : timeClaim(claims['nbf']),
    }
  })
  const wanted = [...new Set(audiences)].sort()
  const [only] = wanted
  if (wanted.length === 1 && only !== undefined && !accepted.includes(only)) {
    throw new Error(`oidc: expected audience ${goQuote(only)} got ${goQuoteList(accepted)}`)
  }
  const now = clock.now()
  if (expiry === undefined || expiry < now) {
    throw new Error(`oidc: token is expired (Token Expiry: ${goTime(expiry)})`)
  }
  if (notBefore !== undefined && now + notBeforeLeewayMs < notBefore) {
    throw new Error(
      `oidc: current time ${goTime(now)} before the nbf (not before) time: ${goTime(notBefore)}`,
    )
  }
  const algorithm = typeof header['alg'] === 'string' ? header['alg'] : ''
  if (!algorithms.includes(algorithm)) {
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected ${goQuoteList(algorithms)} got ${goQuote(algorithm)}`,
    )
  }
  await keys.verify(token)
  if (!accepted.some((audience) => wanted.includes(audience))) {
    throw new Error(`oidc: expected audience in ${goQuoteList(wanted)} got ${goQuoteList(accepted)}`)
  }
}

/** Claims that stand elsewhere must say where. */
function checkSources(claims: Claims): void {
  const names = mapClaim(claims['_claim_names'])
  const sources = mapClaim(claims['_claim_sources'])
  for (const value of Object.values(names)) {
    const source = textClaim(value)
    if (source === '') throw new IdTokenFault('oidc: failed to obtain source from claim name')
    if (!Object.hasOwn(sources, source)) throw new IdTokenFault('oidc: source does not exist')
  }
}

/** An Error that is worded as a whole. */
class IdTokenFault extends Error {}

function mapClaim(value: JsonValue | undefined): Readonly<Record<string, JsonValue>> {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, JsonValue>>
  throw new TypeError('json: it is no object')
}

function during<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof IdTokenFault) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`oidc: failed to unmarshal claims: ${reason}`, { cause: error })
  }
}

/** As Go prints a time: `2026-11-22 01:02:03 +0000 UTC`. */
function goTime(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '0001-01-01 00:00:00 +0000 UTC'
  const text = new Date(milliseconds).toISOString()
  const fraction = milliseconds % 1000 === 0 ? '' : text.slice(19, 23).replace(/0+$/, '')
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${fraction} +0000 UTC`
}
