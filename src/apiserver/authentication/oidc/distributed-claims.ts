import type { JsonValue } from '../../../machinery/meta.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import { parseToken, type Claims } from '../../../machinery/pki/json-web-token.ts'
import type { FetchText } from './fetch-text.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { issuerOf } from './untrusted-issuer.ts'
import { verifyIdToken, type IdTokenRules } from './verify-id-token.ts'

export interface DistributedClaimsOptions {
  /** Of which a token may only say where it is to be had. */
  readonly claim: string
  readonly certificateAuthority?: string
  readonly rules: IdTokenRules
  readonly fetchText: FetchText
  /** Finds the keys of another issuer. */
  readonly keysOf: (issuer: string) => IssuerKeys
}

interface Endpoint {
  readonly endpoint?: unknown
  readonly access_token?: unknown
}

/**
 * Fetches a claim, as a token of its own, from where a token says that it is.
 * Source: OpenID Connect Core 1.0, section 5.6.2; k8s.io/apiserver/plugin/pkg/authenticator/token/oidc, claimResolver.
 */
export class DistributedClaims {
  readonly #options: DistributedClaimsOptions
  readonly #keys = new Map<string, IssuerKeys>()

  constructor(options: DistributedClaimsOptions) {
    this.#options = options
  }

  /** The claims of a verified token, with the claim among them if it is to be had. Throws an Error that says why not. */
  async expand(claims: Claims): Promise<Claims> {
    const { claim } = this.#options
    const { _claim_names: names, _claim_sources: sources } = claims
    if (Object.hasOwn(claims, claim) || names === undefined) return claims
    if (sources === undefined) throw new Error('oidc: no claim sources')
    const source = member(names, claim)
    if (source === undefined) return claims
    const found = member(sources, String(source)) as Endpoint | null | undefined
    if (found === undefined) {
      throw new Error(`id token _claim_names contained a source ${String(source)} missing in _claims_sources`)
    }
    const { endpoint, access_token: accessToken } = found ?? {}
    // What stands in the token itself, aggregated, is not supported upstream either.
    if (typeof endpoint !== 'string' || endpoint === '') return claims
    const value = await this.#resolve(endpoint, typeof accessToken === 'string' ? accessToken : '')
    return { ...claims, [claim]: value }
  }

  close(): void {
    for (const keys of this.#keys.values()) keys.close()
  }

  async #resolve(endpoint: string, accessToken: string): Promise<JsonValue> {
    const { claim, rules } = this.#options
    const text = await this.#fetch(endpoint, accessToken).catch((error: unknown) => {
      throw new Error(`while getting distributed claim ${goQuote(claim)}: ${messageOf(error)}`, {
        cause: error,
      })
    })
    const token = parseToken(text)
    if (!token) {
      throw new Error(
        `getting untrusted issuer from endpoint ${endpoint} failed for claim ${goQuote(claim)}: malformed token`,
      )
    }
    const keys = this.#readyKeys(issuerOf(token) ?? '')
    await verifyIdToken(token, keys, rules).catch((error: unknown) => {
      throw new Error(`verify distributed claim token: ${messageOf(error)}`, { cause: error })
    })
    const value = Object.hasOwn(token.claims, claim) ? token.claims[claim] : undefined
    if (value !== undefined) return value
    throw new Error(
      `jwt returned by distributed claim endpoint ${goQuote(endpoint)} did not contain claim: ${claim}`,
    )
  }

  async #fetch(endpoint: string, bearerToken: string): Promise<string> {
    const { certificateAuthority, fetchText } = this.#options
    const { status, statusLine, text } = await fetchText(endpoint, { certificateAuthority, bearerToken })
    if (status >= 200 && status <= 226) return text
    throw new Error(`error while getting distributed claim JWT: ${statusLine}`)
  }

  /** The keys of an issuer are looked for from the first time on; until they are there, nothing is verified. */
  #readyKeys(issuer: string): IssuerKeys {
    let keys = this.#keys.get(issuer)
    if (!keys) this.#keys.set(issuer, (keys = this.#options.keysOf(issuer)))
    if (keys.isReady) return keys
    const fault = `verifier not initialized for issuer: ${goQuote(issuer)}`
    throw new Error(`verifying untrusted issuer ${issuer} failed: ${fault}`)
  }
}

function member(value: JsonValue, key: string): JsonValue | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
    return undefined
  }
  return (value as Readonly<Record<string, JsonValue>>)[key]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
