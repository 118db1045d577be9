import { constants, createPublicKey, verify, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { ParsedToken } from '../../../machinery/pki/json-web-token.ts'

/** A public key as an issuer publishes it (RFC 7517). */
export interface PublishedKey {
  readonly keyId: string
  /** The only algorithm that it is for, when it says one. */
  readonly algorithm?: string
  readonly key: KeyObject
}

type PublishedJwk = JsonWebKeyInput['key'] & {
  readonly kid?: unknown
  readonly alg?: unknown
  readonly use?: unknown
}

interface Algorithm {
  readonly hash: string
  readonly keyType: 'rsa' | 'ec'
  readonly curve?: string
  readonly isPss?: boolean
}

/** Those that upstream takes, by the name in a token's header. */
const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: 'sha256', keyType: 'rsa' },
  RS384: { hash: 'sha384', keyType: 'rsa' },
  RS512: { hash: 'sha512', keyType: 'rsa' },
  PS256: { hash: 'sha256', keyType: 'rsa', isPss: true },
  PS384: { hash: 'sha384', keyType: 'rsa', isPss: true },
  PS512: { hash: 'sha512', keyType: 'rsa', isPss: true },
  ES256: { hash: 'sha256', keyType: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', keyType: 'ec', curve: 'secp384r1' },
  ES512: { hash: 'sha512', keyType: 'ec', curve: 'secp521r1' },
}

export const signingAlgorithms: readonly string[] = Object.keys(algorithms).sort()

/** The keys of a key set that can verify tokens; others are left out, as they are for something else. */
export function readKeySet(text: string): readonly PublishedKey[] {
  const { keys } = keySetOf(text)
  if (!Array.isArray(keys)) throw new Error(`oidc: failed to decode keys: it is no JSON Web Key Set ${text}`)
  return keys.flatMap((jwk: PublishedJwk) => {
    if (jwk.use !== undefined && jwk.use !== 'sig') return []
    const key = importKey(jwk)
    if (!key) return []
    const algorithm = typeof jwk.alg === 'string' ? { algorithm: jwk.alg } : {}
    return [{ keyId: typeof jwk.kid === 'string' ? jwk.kid : '', key, ...algorithm }]
  })
}

function keySetOf(text: string): { readonly keys?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as { readonly keys?: unknown }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`oidc: failed to decode keys: ${reason} ${text}`, { cause: error })
  }
}

function importKey(jwk: PublishedJwk): KeyObject | undefined {
  if (jwk.kty !== 'RSA' && jwk.kty !== 'EC') return undefined
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** Whether `key` made the token's signature by the algorithm that its header names, and which fits the key. */
export function isSignedBy(token: ParsedToken, { key, algorithm: only }: PublishedKey): boolean {
  const name = token.header['alg']
  const algorithm = typeof name === 'string' && Object.hasOwn(algorithms, name) ? algorithms[name] : undefined
  if (!algorithm || (only !== undefined && only !== name)) return false
  if (key.asymmetricKeyType !== algorithm.keyType) return false
  if (algorithm.curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false
  const padding = algorithm.isPss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const input = { key, dsaEncoding: 'ieee-p1363', ...padding } as const
  return verify(algorithm.hash, Buffer.from(token.signedText), input, token.signature)
}
