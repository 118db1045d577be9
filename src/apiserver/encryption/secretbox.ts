import { randomBytes, timingSafeEqual } from 'node:crypto'
import { DecryptionError, type Transformer } from './transformer.ts'

/*
 * NaCl's secretbox, XSalsa20 and Poly1305, which node:crypto does not have.
 * Sources: D. J. Bernstein, "Extending the Salsa20 nonce" and "The Poly1305-AES message-authentication code".
 */

const nonceBytes = 24
const tagBytes = 16
const blockBytes = 64
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const

/** Nonce, tag, ciphertext. `key` has 32 bytes. */
export function secretbox(prefix: string, key: Buffer): Transformer {
  return {
    prefix,
    writer: prefix,
    encrypt(value) {
      const nonce = randomBytes(nonceBytes)
      return Buffer.concat([Buffer.from(prefix), nonce, sealSecretbox(key, nonce, value)])
    },
    decrypt(value) {
      const opened = openSecretbox(key, value.subarray(0, nonceBytes), value.subarray(nonceBytes))
      if (!opened) throw new DecryptionError('the stored data is not authentic')
      return { value: opened, writer: prefix }
    },
  }
}

export function sealSecretbox(key: Uint8Array, nonce: Uint8Array, message: Uint8Array): Buffer {
  const { tagKey, body } = xor(key, nonce, message)
  return Buffer.concat([poly1305(tagKey, body), body])
}

/** Undefined when the box is not authentic. */
export function openSecretbox(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Buffer | undefined {
  if (nonce.length < nonceBytes || box.length < tagBytes) return undefined
  const sealed = box.subarray(tagBytes)
  const { tagKey, body } = xor(key, nonce, sealed)
  return timingSafeEqual(poly1305(tagKey, sealed), box.subarray(0, tagBytes)) ? body : undefined
}

/** The first 32 bytes of the key stream are the tag's key, the message begins behind them. */
function xor(key: Uint8Array, nonce: Uint8Array, message: Uint8Array) {
  const subkey = hsalsa20(words(key), words(nonce.subarray(0, 16)))
  const [nonceLow = 0, nonceHigh = 0] = words(nonce.subarray(16))
  const stream = Buffer.alloc(Math.ceil((message.length + 32) / blockBytes) * blockBytes)
  for (let block = 0; block * blockBytes < stream.length; block++) {
    const input = layOut(subkey, [nonceLow, nonceHigh, block, 0])
    const mixed = rounds(input)
    for (let at = 0; at < 16; at++) {
      stream.writeUInt32LE((mixed[at]! + input[at]!) >>> 0, block * blockBytes + at * 4)
    }
  }
  const body = Buffer.alloc(message.length)
  for (let at = 0; at < message.length; at++) body[at] = message[at]! ^ stream[at + 32]!
  return { tagKey: stream.subarray(0, 32), body }
}

function words(bytes: Uint8Array): readonly number[] {
  const view = Buffer.from(bytes)
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.readUInt32LE(index * 4))
}

function layOut(key: ArrayLike<number>, middle: readonly number[]): Uint32Array {
  const [k, n] = [Array.from(key), middle]
  return Uint32Array.of(sigma[0], ...k.slice(0, 4), sigma[1], ...n, sigma[2], ...k.slice(4), sigma[3])
}

/** Twenty rounds of Salsa20, without adding the input. */
function rounds(input: Uint32Array): Uint32Array {
  const x = Uint32Array.from(input)
  const quarter = (a: number, b: number, c: number, d: number) => {
    x[b]! ^= rotate(x[a]! + x[d]!, 7)
    x[c]! ^= rotate(x[b]! + x[a]!, 9)
    x[d]! ^= rotate(x[c]! + x[b]!, 13)
    x[a]! ^= rotate(x[d]! + x[c]!, 18)
  }
  for (let round = 0; round < 10; round++) {
    quarter(0, 4, 8, 12)
    quarter(5, 9, 13, 1)
    quarter(10, 14, 2, 6)
    quarter(15, 3, 7, 11)
    quarter(0, 1, 2, 3)
    quarter(5, 6, 7, 4)
    quarter(10, 11, 8, 9)
    quarter(15, 12, 13, 14)
  }
  return x
}

function rotate(value: number, bits: number): number {
  const word = value >>> 0
  return (word << bits) | (word >>> (32 - bits))
}

function hsalsa20(key: readonly number[], nonce: readonly number[]): Uint32Array {
  const mixed = rounds(layOut(key, nonce))
  return Uint32Array.from([0, 5, 10, 15, 6, 7, 8, 9].map((at) => mixed[at]!))
}

const prime = (1n << 130n) - 5n
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn

function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & clamp
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16)
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % prime
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) & ((1n << 128n) - 1n)
  return Buffer.from(Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').toReversed())
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
}
