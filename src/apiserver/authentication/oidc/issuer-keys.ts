import type { Cancel, Clock } from '../../../machinery/clock.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { ParsedToken } from '../../../machinery/pki/json-web-token.ts'
import type { FetchText } from './fetch-text.ts'
import { isSignedBy, readKeySet, type PublishedKey } from './verify-signature.ts'

export interface IssuerKeysOptions {
  readonly issuer: string
  /** Where the discovery document is, if not below the issuer. */
  readonly discoveryUrl?: string
  readonly certificateAuthority?: string
  readonly fetchText: FetchText
  readonly clock: Clock
  /** Discovery failed, and is tried again. */
  readonly onDiscoveryError: (error: unknown) => void
  /** The keys were fetched, as this text; undefined where that failed. */
  readonly onKeysFetched?: (keySet: string | undefined) => void
}

const retryMs = 10_000
/** Tokens with made-up keys make nobody fetch the keys more often. */
const minRefetchMs = 1_000

/**
 * The keys of an OpenID Connect issuer: found by discovery, which is tried until it succeeds, and fetched again when a
 * token is signed by one that is not known.
 * Source: OpenID Connect Discovery 1.0, section 4; k8s.io/apiserver/plugin/pkg/authenticator/token/oidc, go-oidc v2.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #keySetUrl: string | undefined
  #fault: unknown
  #keys: readonly PublishedKey[] = []
  #fetchedAt = -Infinity
  #fetching: Promise<void> | undefined
  #cancelRetry: Cancel = () => {}
  #isClosed = false

  constructor(options: IssuerKeysOptions) {
    this.#options = options
    this.#fault = new Error(`oidc: authenticator for issuer ${goQuote(options.issuer)} is not initialized`)
    void this.#discover()
  }

  get isReady(): boolean {
    return this.#keySetUrl !== undefined
  }

  /** Why nothing can be verified yet; undefined as soon as it can. */
  get fault(): Error | undefined {
    if (this.isReady) return undefined
    const reason = messageOf(this.#fault)
    return new Error(
      `oidc: authenticator for issuer ${goQuote(this.#options.issuer)} is not healthy: ${reason}`,
    )
  }

  /** Throws when the keys cannot be had, or none of them made the signature. */
  async verify(token: ParsedToken): Promise<void> {
    if (this.#hasSigned(token)) return
    if (this.#options.clock.monotonic() - this.#fetchedAt >= minRefetchMs) await this.#refetch()
    if (!this.#hasSigned(token)) {
      throw new Error('failed to verify signature: failed to verify id token signature')
    }
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
    const { issuer, discoveryUrl, certificateAuthority, fetchText, clock, onDiscoveryError } = this.#options
    try {
      const url = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
      const { status, statusLine, text } = await fetchText(url, { certificateAuthority })
      if (status !== 200) throw new Error(`${statusLine}: ${text}`)
      this.#keySetUrl = keySetUrlIn(text, issuer)
    } catch (error) {
      if (this.#isClosed) return
      this.#fault = error
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
    const { clock, onKeysFetched } = this.#options
    this.#fetchedAt = clock.monotonic()
    try {
      const text = await this.#keySetText()
      this.#keys = readKeySet(text)
      if (!this.#isClosed) onKeysFetched?.(text)
    } catch (error) {
      if (!this.#isClosed) onKeysFetched?.(undefined)
      throw new Error(`failed to verify signature: fetching keys ${messageOf(error)}`, { cause: error })
    }
  }

  async #keySetText(): Promise<string> {
    const { certificateAuthority, fetchText } = this.#options
    if (this.#keySetUrl === undefined) throw new Error('oidc: authenticator not initialized')
    const { status, statusLine, text } = await fetchText(this.#keySetUrl, { certificateAuthority }).catch(
      (error: unknown) => {
        throw new Error(`oidc: get keys failed ${messageOf(error)}`, { cause: error })
      },
    )
    if (status !== 200) throw new Error(`oidc: get keys failed: ${statusLine} ${text}`)
    return text
  }
}

function keySetUrlIn(text: string, issuer: string): string {
  const { issuer: named = '', jwks_uri: url = '' } = discoveryDocument(text)
  if (named !== issuer) {
    throw new Error(
      `oidc: issuer did not match the issuer returned by provider, expected ${goQuote(issuer)} got ${goQuote(String(named))}`,
    )
  }
  if (typeof url !== 'string' || url === '') throw new Error('provider did not return JWKS URL')
  return url
}

function discoveryDocument(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw new Error(`oidc: failed to decode provider discovery object: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
