import type { Cancel, Clock } from '../../../machinery/clock.ts'
import type { ParsedToken } from '../../../machinery/pki/json-web-token.ts'
import type { FetchJson } from './fetch-json.ts'
import { isSignedBy, readKeySet, type PublishedKey } from './verify-signature.ts'

export interface IssuerKeysOptions {
  readonly issuer: string
  /** Where the discovery document is, if not below the issuer. */
  readonly discoveryUrl?: string
  readonly certificateAuthority?: string
  readonly fetchJson: FetchJson
  readonly clock: Clock
  /** Discovery failed, and is tried again. */
  readonly onDiscoveryError: (error: unknown) => void
}

const retryMs = 10_000
/** Tokens with made-up keys make nobody fetch the keys more often. */
const minRefetchMs = 1_000

/**
 * The keys of an OpenID Connect issuer: found by discovery, which is tried until it succeeds, and fetched again when a
 * token is signed by one that is not known.
 * Source: OpenID Connect Discovery 1.0, section 4; k8s.io/apiserver/plugin/pkg/authenticator/token/oidc.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #keySetUrl: string | undefined
  #keys: readonly PublishedKey[] = []
  #fetchedAt = -Infinity
  #fetching: Promise<void> | undefined
  #cancelRetry: Cancel = () => {}
  #isClosed = false

  constructor(options: IssuerKeysOptions) {
    this.#options = options
    void this.#discover()
  }

  get isReady(): boolean {
    return this.#keySetUrl !== undefined
  }

  /** Throws when the keys cannot be had, or none of them made the signature. */
  async verify(token: ParsedToken): Promise<void> {
    if (this.#hasSigned(token)) return
    if (this.#options.clock.monotonic() - this.#fetchedAt >= minRefetchMs) await this.#refetch()
    if (!this.#hasSigned(token))
      throw new Error('failed to verify signature: failed to verify id token signature')
  }

  close(): void {
    this.#isClosed = true
    this.#cancelRetry()
  }

  #hasSigned(token: ParsedToken): boolean {
    const keyId = token.header['kid']
    const candidates = this.#keys.filter((key) => !keyId || key.keyId === keyId)
    return candidates.some((key) => isSignedBy(token, key))
  }

  async #discover(): Promise<void> {
    const { issuer, discoveryUrl, certificateAuthority, fetchJson, clock, onDiscoveryError } = this.#options
    try {
      const url = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
      const document = await fetchJson(url, certificateAuthority)
      this.#keySetUrl = keySetUrlIn(document, issuer)
    } catch (error) {
      if (this.#isClosed) return
      onDiscoveryError(error)
      this.#cancelRetry = clock.after(retryMs, () => void this.#discover())
    }
  }

  /** One fetch at a time, for all who wait. */
  async #refetch(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined))
    await this.#fetching
  }

  async #fetch(): Promise<void> {
    const { certificateAuthority, fetchJson, clock } = this.#options
    if (this.#keySetUrl === undefined) throw new Error('oidc: authenticator not initialized')
    this.#fetchedAt = clock.monotonic()
    this.#keys = readKeySet(await fetchJson(this.#keySetUrl, certificateAuthority))
  }
}

function keySetUrlIn(document: unknown, issuer: string): string {
  const { issuer: named, jwks_uri: url } = (document ?? {}) as Readonly<Record<string, unknown>>
  if (named !== issuer) {
    throw new Error(
      `oidc: issuer did not match the issuer returned by provider, expected "${issuer}" got "${String(named)}"`,
    )
  }
  if (typeof url !== 'string' || !url.startsWith('https://'))
    throw new Error('provider did not return JWKS URL')
  return url
}
