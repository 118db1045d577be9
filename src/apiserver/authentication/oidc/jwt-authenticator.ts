import type { CelProgram } from '../../../machinery/cel/cel.ts'
import { parseToken, type Claims } from '../../../machinery/pki/json-web-token.ts'
import type { JwtConfiguration } from '../configuration/authentication-configuration.ts'
import { userInfoOf } from '../reviews.ts'
import type { TokenAuthenticator } from '../token-authenticator.ts'
import { compileExpression, type ExpressionScope } from './claim-expressions.ts'
import { textClaim } from './decode-claim.ts'
import type { DistributedClaims } from './distributed-claims.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { createUserMapping, during, evaluate } from './map-claims.ts'
import { issuerOf } from './untrusted-issuer.ts'
import { verifyIdToken, type IdTokenRules } from './verify-id-token.ts'

export interface JwtAuthenticatorParts {
  readonly keys: Pick<IssuerKeys, 'isReady' | 'verify'>
  readonly rules: IdTokenRules
  /** Where groups are a claim. */
  readonly distributedClaims?: Pick<DistributedClaims, 'expand'>
}

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
  { keys, rules, distributedClaims }: JwtAuthenticatorParts,
): TokenAuthenticator {
  const { issuer, claimValidationRules = [], userValidationRules = [] } = configuration
  const userOf = createUserMapping(configuration.claimMappings)
  const claimRules = rulesOf('claims', claimValidationRules)
  const userRules = rulesOf('user', userValidationRules)
  return {
    name: 'oidc',
    async authenticateToken(text, audiences) {
      const token = parseToken(text)
      if (!token || issuerOf(token) !== issuer.url) return undefined
      if (!keys.isReady) throw new Error('oidc: authenticator not initialized')
      await verifyIdToken(token, keys, rules).catch((error: unknown) => {
        throw new Error(`oidc: verify token: ${messageOf(error)}`, { cause: error })
      })
      const claims = distributedClaims ? await expanded(token.claims, distributedClaims) : token.claims
      const user = userOf(claims)
      for (const { claim, requiredValue = '' } of claimValidationRules) {
        if (claim) requireClaim(claims, claim, requiredValue)
      }
      checkRules(claimRules, { claims }, 'claim validation expression')
      const info = { uid: '', groups: [], extra: {}, ...userInfoOf(user) }
      checkRules(userRules, { user: info }, 'user info validation rule')
      // The token is for the issuer's clients; that it is for them makes it one for this API.
      return { user, audiences }
    },
  }
}

async function expanded(claims: Claims, distributed: Pick<DistributedClaims, 'expand'>): Promise<Claims> {
  try {
    return await distributed.expand(claims)
  } catch (error) {
    throw new Error(`oidc: could not expand distributed claims: ${messageOf(error)}`, { cause: error })
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

function requireClaim(claims: Claims, claim: string, wanted: string): void {
  const given = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  if (given === undefined) throw new Error(`oidc: required claim ${claim} not present in ID token`)
  const value = during(`parse claim ${claim}`, () => textClaim(given))
  if (value !== wanted) {
    throw new Error(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${wanted}`)
  }
}

/** A rule that cannot be evaluated counts before one that is not met. */
function checkRules(
  rules: readonly Rule[],
  variables: Readonly<Record<string, unknown>>,
  what: string,
): void {
  during(`error evaluating ${what}`, () => {
    const values = rules.map(({ program }) => evaluate(program, variables))
    const broken = rules.find((_, index) => values[index] !== true)
    if (broken) {
      throw new Error(`validation expression '${broken.program.expression}' failed: ${broken.message}`)
    }
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
