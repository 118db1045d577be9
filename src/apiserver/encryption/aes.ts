import { createCipheriv, createDecipheriv, createHmac, randomBytes, type CipherGCMTypes } from 'node:crypto'
import { DecryptionError, type Transformer } from './transformer.ts'

/* Source: k8s.io/apiserver/pkg/storage/value/encrypt/aes. */

const cbcBlockBytes = 16
const gcmNonceBytes = 12
const gcmTagBytes = 16
/** Of the part that a derived key belongs to. */
const infoBytes = 32

/** AES-CBC with PKCS#7 padding: initial vector, ciphertext. `key` has 16, 24 or 32 bytes. */
export function aesCbc(prefix: string, key: Buffer): Transformer {
  const algorithm = `aes-${key.length * 8}-cbc`
  return {
    prefix,
    writer: prefix,
    encrypt(value) {
      const vector = randomBytes(cbcBlockBytes)
      const cipher = createCipheriv(algorithm, key, vector)
      return Buffer.concat([Buffer.from(prefix), vector, cipher.update(value), cipher.final()])
    },
    decrypt(value) {
      if (value.length < 2 * cbcBlockBytes || value.length % cbcBlockBytes !== 0) {
        throw new DecryptionError('the stored data is shorter than it must be, or not whole blocks')
      }
      const decipher = createDecipheriv(algorithm, key, value.subarray(0, cbcBlockBytes))
      try {
        const start = decipher.update(value.subarray(cbcBlockBytes))
        return { value: Buffer.concat([start, decipher.final()]), writer: prefix }
      } catch (error) {
        throw new DecryptionError('the padding is wrong', { cause: error })
      }
    },
  }
}

/** AES-GCM: nonce, ciphertext, tag, bound to the place. */
export function aesGcm(prefix: string, key: Buffer): Transformer {
  return {
    prefix,
    writer: prefix,
    encrypt: (value, place) => Buffer.concat([Buffer.from(prefix), sealGcm(key, value, place)]),
    decrypt: (value, place) => ({ value: openGcm(key, value, place), writer: prefix }),
  }
}

function sealGcm(key: Buffer, value: Uint8Array, place: string): Buffer {
  const nonce = randomBytes(gcmNonceBytes)
  const cipher = createCipheriv(algorithmOf(key), key, nonce)
  cipher.setAAD(Buffer.from(place))
  return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
}

export function openGcm(key: Buffer, value: Uint8Array, place: string): Buffer {
  if (value.length < gcmNonceBytes + gcmTagBytes) throw new DecryptionError('the stored data is too short')
  const decipher = createDecipheriv(algorithmOf(key), key, value.subarray(0, gcmNonceBytes), {
    authTagLength: gcmTagBytes,
  })
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(value.subarray(-gcmTagBytes))
  try {
    return Buffer.concat([decipher.update(value.subarray(gcmNonceBytes, -gcmTagBytes)), decipher.final()])
  } catch (error) {
    throw new DecryptionError('the stored data is not authentic', { cause: error })
  }
}

function algorithmOf(key: Buffer): CipherGCMTypes {
  return `aes-${key.length * 8}-gcm` as CipherGCMTypes
}

/** As sealGcm with a key of its own for each value, derived from a seed: HKDF expand with SHA-256 over 32 random bytes. */
export function sealDerived(seed: Buffer, value: Uint8Array, place: string): Buffer {
  const info = randomBytes(infoBytes)
  return Buffer.concat([info, sealGcm(derivedKey(seed, info), value, place)])
}

export function openDerived(seed: Buffer, value: Uint8Array, place: string): Buffer {
  if (value.length < infoBytes) throw new DecryptionError('the stored data is too short')
  return openGcm(derivedKey(seed, value.subarray(0, infoBytes)), value.subarray(infoBytes), place)
}

/** The first block of HKDF's expansion is as long as a key. Source: RFC 5869, section 2.3. */
function derivedKey(seed: Buffer, info: Uint8Array): Buffer {
  return createHmac('sha256', seed).update(info).update(Uint8Array.of(1)).digest()
}
