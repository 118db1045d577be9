/*
 * ASN.1 in its distinguished encoding, as far as X.509 and PKCS #10 need it: ITU-T X.690.
 */

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** One encoded value: tag, length, content. */
export function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Uint8Array.of(tag, length), content])
  const digits = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return Buffer.concat([Uint8Array.of(tag, 0x80 | digits.length, ...digits), content])
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(tags.sequence, Buffer.concat(items))
}

/** A SET OF: its members are ordered by their encodings. */
export function setOf(...items: readonly Uint8Array[]): Buffer {
  return element(tags.set, Buffer.concat([...items].sort((a, b) => Buffer.compare(a, b))))
}

/** An unsigned integer from its big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const minimal = bytes.subarray(start)
  return element(tags.integer, minimal[0]! & 0x80 ? Buffer.concat([Uint8Array.of(0), minimal]) : minimal)
}

export function boolean(value: boolean): Buffer {
  return element(tags.boolean, Uint8Array.of(value ? 0xff : 0))
}

/** A BIT STRING of whole bytes. */
export function bitString(bytes: Uint8Array): Buffer {
  return element(tags.bitString, Buffer.concat([Uint8Array.of(0), bytes]))
}

/** A named-bit list: bit 0 is the first; trailing zero bits are left out, as DER demands. */
export function namedBits(bits: readonly number[]): Buffer {
  if (bits.length === 0) return element(tags.bitString, Uint8Array.of(0))
  const highest = Math.max(...bits)
  const bytes = new Uint8Array(Math.floor(highest / 8) + 1)
  for (const bit of bits) bytes[Math.floor(bit / 8)]! |= 0x80 >> (bit % 8)
  return element(tags.bitString, Buffer.concat([Uint8Array.of(7 - (highest % 8)), bytes]))
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(tags.octetString, bytes)
}

/** `1.2.840.10045.4.3.2`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left % 128) | 0x80)
    }
    bytes.push(...digits)
  }
  return element(tags.objectIdentifier, Uint8Array.from(bytes))
}

export function utf8String(text: string): Buffer {
  return element(tags.utf8String, Buffer.from(text, 'utf8'))
}

/** A context-specific constructed value around another: `[number] EXPLICIT`. */
export function explicit(number: number, ...items: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, Buffer.concat(items))
}

/** A context-specific primitive value in place of another: `[number] IMPLICIT`. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content)
}

/** A point in time with seconds, milliseconds since the epoch given: UTCTime until 2049, GeneralizedTime after. */
export function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`
  return digits < '2050'
    ? element(tags.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : element(tags.generalizedTime, Buffer.from(digits, 'latin1'))
}

/** One value read. */
export interface Element {
  readonly tag: number
  /** With tag and length. */
  readonly encoded: Uint8Array
  readonly content: Uint8Array
}

/** The encoding is broken, or not what the reader expects. */
export class DerError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DerError'
  }
}

/** The values that stand one after the other in `bytes`. Throws DerError unless they fill it exactly. */
export function readAll(bytes: Uint8Array): readonly Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const next = readAt(bytes, at)
    elements.push(next)
    at += next.encoded.length
  }
  return elements
}

/** The one value that `bytes` holds, of the given tag. Throws DerError. */
export function readOne(bytes: Uint8Array, tag: number): Element {
  const only = readAt(bytes, 0)
  if (only.encoded.length !== bytes.length) throw new DerError('trailing data')
  return expectTag(only, tag)
}

/** Throws DerError when the value is missing or of another tag. */
export function expectTag(value: Element | undefined, tag: number): Element {
  if (value?.tag !== tag) throw new DerError(`expected tag ${tag}, found ${value?.tag ?? 'nothing'}`)
  return value
}

/** `1.2.840.10045.4.3.2` from an OBJECT IDENTIFIER's content. */
export function readObjectIdentifier(content: Uint8Array): string {
  const arcs: number[] = []
  let arc = 0
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('object identifier too large')
    if (byte & 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [head = 0, ...rest] = arcs
  const first = Math.min(2, Math.floor(head / 40))
  return [first, head - first * 40, ...rest].join('.')
}

/** The bytes of a BIT STRING's content that has no odd bits. */
export function readBitString(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw new DerError('a bit string with odd bits')
  return content.subarray(1)
}

/** The text of any of the string types that names and general names use. */
export function readString({ tag, content }: Element): string {
  switch (tag) {
    case tags.utf8String:
      return new TextDecoder('utf-8', { fatal: true }).decode(content)
    case tags.printableString:
    case tags.ia5String:
    case tags.teletexString:
      return Buffer.from(content).toString('latin1')
    case tags.bmpString:
      return Buffer.from(content).swap16().toString('utf16le')
    default:
      throw new DerError(`tag ${tag} is no string`)
  }
}

function readAt(bytes: Uint8Array, at: number): Element {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new DerError('truncated')
  if ((tag & 0x1f) === 0x1f) throw new DerError('tags above 30 are not used here')
  let start = at + 2
  let length = first
  if (first >= 0x80) {
    const digits = first & 0x7f
    if (digits === 0 || digits > 4) throw new DerError('length not allowed')
    length = 0
    for (let digit = 0; digit < digits; digit++) length = length * 256 + (bytes[start + digit] ?? Number.NaN)
    start += digits
  }
  const end = start + length
  if (!(end <= bytes.length)) throw new DerError('truncated')
  return { tag, encoded: bytes.subarray(at, end), content: bytes.subarray(start, end) }
}
