import type { CelProgram } from '../../../machinery/cel/cel.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { goQuote, goQuoteList } from '../../../machinery/go-format.ts'
import { parseToken, type Claims, type ParsedToken } from '../../../machinery/pki/json-web-token.ts'
import { formatTime } from '../../../machinery/time.ts'
import type { User } from '../authenticator.ts'
import type { JwtConfiguration } from '../configuration/authentication-configuration.ts'
import { userInfoOf } from '../reviews.ts'
import type { TokenAuthenticator } from '../token-authenticator.ts'
import { compileExpression, type ExpressionScope } from './claim-expressions.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { createUserMapping, evaluate } from './map-claims.ts'
import { signingAlgorithms } from './verify-signature.ts'

/** Clocks differ; a token may begin to be valid this much later. */
const notBeforeLeewayMs = 5 * 60_000

interface Rule {
  readonly program: CelProgram
  readonly message: string
}

/**
 * Knows users by the ID tokens of one OpenID Connect issuer, of a valid configuration.
 * Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc.
 */
export function createJwtAuthenticator(
  configuration: JwtConfiguration,
  keys: Pick<IssuerKeys, 'isReady' | 'verify'>,
  clock: Clock,
  /** How tokens may be signed. */
  algorithms: readonly string[] = signingAlgorithms,
): TokenAuthenticator {
  const { issuer, claimValidationRules = [], userValidationRules = [] } = configuration
  const { url = '', audiences: accepted = [] } = issuer
  const userOf = createUserMapping(configuration.claimMappings)
  const claimRules = rulesOf('claims', claimValidationRules)
  const userRules = rulesOf('user', userValidationRules)
  return {
    name: 'oidc',
    async authenticateToken(text, audiences) {
      const token = parseToken(text)
      if (token?.claims['iss'] !== url) return undefined
      if (!keys.isReady) throw new Error('oidc: authenticator not initialized')
      try {
        checkClaims(token, accepted, { now: clock.now(), algorithms })
        await keys.verify(token)
      } catch (error) {
        throw new Error(`oidc: verify token: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        })
      }
      const { claims } = token
      const user = userOf(claims)
      for (const { claim, requiredValue = '' } of claimValidationRules) {
        if (claim) requireClaim(claims, claim, requiredValue)
      }
      checkRules(claimRules, { claims }, 'claim validation expression')
      const info = { uid: '', groups: [], extra: {}, ...userInfoOf(user) }
      checkRules(userRules, { user: info }, 'user info validation rule')
      // The token is for the issuer's clients; that it is for them makes it one for this API.
      return { user, audiences } satisfies { user: User; audiences: readonly string[] }
    },
  }
}

function rulesOf(
  scope: ExpressionScope,
  rules: readonly { readonly expression?: string; readonly message?: string }[],
): readonly Rule[] {
  return rules.flatMap(({ expression, message = '' }) => {
    const program = expression ? compileExpression(scope, 'rule', expression) : ''
    return typeof program === 'string' ? [] : [{ program, message }]
  })
}

/** What go-oidc checks before the signature. */
function checkClaims(
  { header, claims }: ParsedToken,
  accepted: readonly string[],
  { now, algorithms }: { readonly now: number; readonly algorithms: readonly string[] },
): void {
  const audiences = [claims['aud'] ?? []].flat().map(String)
  if (!audiences.some((audience) => accepted.includes(audience))) {
    throw new Error(`oidc: expected audience in ${goQuoteList(accepted)} got ${goQuoteList(audiences)}`)
  }
  const { exp, nbf } = claims
  if (typeof exp !== 'number' || exp * 1000 < now) {
    const expiry = typeof exp === 'number' ? formatTime(exp * 1000) : 'none'
    throw new Error(`oidc: token is expired (Token Expiry: ${expiry})`)
  }
  if (typeof nbf === 'number' && nbf * 1000 > now + notBeforeLeewayMs) {
    throw new Error(
      `oidc: current time ${formatTime(now)} before the nbf (not before) time: ${formatTime(nbf * 1000)}`,
    )
  }
  const algorithm = String(header['alg'])
  if (!algorithms.includes(algorithm)) {
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected ${goQuoteList(algorithms)} got ${goQuote(algorithm)}`,
    )
  }
}

function requireClaim(claims: Claims, claim: string, wanted: string): void {
  if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`)
  const value = claims[claim]
  if (typeof value !== 'string') throw new Error(`oidc: parse claim ${claim}: it is not a string`)
  if (value !== wanted) {
    throw new Error(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${wanted}`)
  }
}

function checkRules(
  rules: readonly Rule[],
  variables: Readonly<Record<string, unknown>>,
  what: string,
): void {
  for (const { program, message } of rules) {
    if (evaluate(program, variables, what) !== true) {
      throw new Error(
        `oidc: error evaluating ${what}: validation expression '${program.expression}' failed: ${message}`,
      )
    }
  }
}
