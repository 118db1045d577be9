import { compareGoStrings } from './go-format.ts'
import { safeEncodeString } from './names.ts'

/** FNV-1a with 32 bits over UTF-8, or over bytes. `from` continues an earlier hash. */
export function fnv1a32(data: string | Uint8Array, from = 0x811c9dc5): number {
  let hash = from
  for (const byte of bytesOf(data)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** FNV-1 (multiply first) with 32 bits. */
export function fnv132(data: string | Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytesOf(data)) hash = Math.imul(hash, 0x01000193) ^ byte
  return hash >>> 0
}

/** FNV-1a with 64 bits. */
export function fnv1a64(data: string | Uint8Array): bigint {
  // The prime is 2^40 + 0x1b3; the hash is kept as four limbs of 16 bits.
  let a = 0x2325
  let b = 0x8422
  let c = 0x9ce4
  let d = 0xcbf2
  for (const byte of bytesOf(data)) {
    a ^= byte
    const a1 = a * 0x1b3
    const b1 = b * 0x1b3 + (a1 >>> 16)
    const c1 = c * 0x1b3 + ((a << 8) & 0xffff00) + (b1 >>> 16)
    const d1 = d * 0x1b3 + ((b << 8) & 0xffff00) + Math.floor(c1 / 65_536)
    a = a1 & 0xffff
    b = b1 & 0xffff
    c = c1 & 0xffff
    d = d1 & 0xffff
  }
  return (BigInt(d) << 48n) | (BigInt(c) << 32n) | (BigInt(b) << 16n) | BigInt(a)
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data
}

/** The same text for JSON values that are equal: keys in order, absent and undefined alike. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(object).filter((key) => object[key] !== undefined)
  return `{${keys
    .sort(compareGoStrings)
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
    .join(',')}}`
}

/**
 * What a controller appends to a name for a version of a template (`pod-template-hash`, `controller-revision-hash`):
 * the same for equal values and collision counts. Not the same text as upstream's, which hashes Go's memory layout.
 */
export function templateHash(template: unknown, collisionCount?: number): string {
  let hash = fnv1a32(canonicalJson(template))
  if (collisionCount !== undefined) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setUint32(0, collisionCount, true)
    hash = fnv1a32(bytes, hash)
  }
  return safeEncodeString(String(hash))
}
