import { createHash, sign, verify, type KeyObject } from 'node:crypto'
import type { JsonValue } from '../meta.ts'

/*
 * JSON Web Tokens in compact serialisation (RFC 7515, 7519) with ES256, ES384 or RS256, as service accounts use them.
 * Signing and verifying are synchronous and take 0.1 ms, which is why no library stands between.
 */

export type Claims = Readonly<Record<string, JsonValue>>

/** A token taken apart, not verified yet. */
export interface ParsedToken {
  readonly header: Claims
  readonly claims: Claims
  /** What the signature is over. */
  readonly signedText: string
  readonly signature: Buffer
}

/** SHA-256 over the public key, base64url: how service-account tokens name their key (`kid`). */
export function tokenKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64url')
}

/** The `alg` that a key signs with. Throws for keys that are neither P-256, P-384 nor RSA. */
export function tokenAlgorithm(key: KeyObject): 'ES256' | 'ES384' | 'RS256' {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'prime256v1') return 'ES256'
  if (curve === 'secp384r1') return 'ES384'
  throw new TypeError(`cannot sign tokens with a key of type ${curve ?? key.asymmetricKeyType}`)
}

/** `header.claims.signature`. */
export function signToken(claims: Claims, privateKey: KeyObject, keyId: string): string {
  const algorithm = tokenAlgorithm(privateKey)
  const text = `${encode({ alg: algorithm, kid: keyId })}.${encode(claims)}`
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return `${text}.${sign(hashOf(algorithm), Buffer.from(text), key).toString('base64url')}`
}

/** Undefined when the text is no such token. */
export function parseToken(token: string): ParsedToken | undefined {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  const [header, claims, signature] = parts as [string, string, string]
  const parsedHeader = decode(header)
  const parsedClaims = decode(claims)
  if (!parsedHeader || !parsedClaims) return undefined
  return {
    header: parsedHeader,
    claims: parsedClaims,
    signedText: `${header}.${claims}`,
    signature: Buffer.from(signature, 'base64url'),
  }
}

/** The algorithm is the key's own; a token that names another one is not verified by it. */
export function verifyToken(token: ParsedToken, publicKey: KeyObject): boolean {
  const algorithm = tokenAlgorithm(publicKey)
  if (token.header['alg'] !== algorithm) return false
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  return verify(hashOf(algorithm), Buffer.from(token.signedText), key, token.signature)
}

function hashOf(algorithm: 'ES256' | 'ES384' | 'RS256'): string {
  return algorithm === 'ES384' ? 'sha384' : 'sha256'
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(text: string): Claims | undefined {
  const json = Buffer.from(text, 'base64url').toString()
  // What is no object at the first glance is not worth an exception: anybody may send it, as often as he likes.
  if (!/^\s*\{/.test(json)) return undefined
  try {
    const value = JSON.parse(json) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined
  } catch {
    return undefined
  }
}
