import { createPublicKey, type KeyObject } from 'node:crypto'
import { tokenAlgorithm, tokenKeyId } from '../../../machinery/pki/json-web-token.ts'

/** A key that service-account tokens may be signed with. */
export interface TokenKey {
  readonly id: string
  readonly algorithm: string
  readonly publicKey: KeyObject
}

/** One key signs; that one and, during a rotation, older ones verify. */
export interface TokenKeys {
  readonly privateKey: KeyObject
  readonly signing: TokenKey
  readonly verifying: readonly TokenKey[]
}

/** The keys of a server: its private key, and public keys whose tokens are to be believed as well. */
export function createTokenKeys(privateKey: KeyObject, others: readonly KeyObject[] = []): TokenKeys {
  const signing = tokenKey(createPublicKey(privateKey))
  const all = [signing, ...others.map(tokenKey)]
  const verifying = all.filter(({ id }, index) => all.findIndex((one) => one.id === id) === index)
  return { privateKey, signing, verifying }
}

function tokenKey(publicKey: KeyObject): TokenKey {
  return { id: tokenKeyId(publicKey), algorithm: tokenAlgorithm(publicKey), publicKey }
}
