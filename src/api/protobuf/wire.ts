import { DecodeError } from '../decode-error.ts'

/*
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): varints, fixed64 and length-delimited values.
 * The writer goes from the end of its buffer to the front, because then the length of a message is known when its
 * prefix is written.
 */

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

const initialSize = 4096
/** Below this, writing characters one by one beats a call into the runtime. */
const shortString = 32

export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(initialSize)
  /** All behind it is written. */
  #start = initialSize

  /** How much is written: to be subtracted from a later value for the length of what came between. */
  get length(): number {
    return this.#buffer.length - this.#start
  }

  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#start))
  }

  tag(number: number, wireType: number): void {
    this.unsigned(number * 8 + wireType)
  }

  /** A varint of a safe integer; a negative one takes ten bytes, as int32 and int64 do. */
  integer(value: number): void {
    if (value >= 0) this.unsigned(value)
    else this.#negative(value)
  }

  unsigned(value: number): void {
    let size = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
    let position = this.#reserve(size)
    for (; value >= 128; value = Math.floor(value / 128)) this.#buffer[position++] = (value % 128) | 128
    this.#buffer[position] = value
  }

  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value))
    let position = this.#reserve(10)
    for (; rest >= 128n; rest >>= 7n) this.#buffer[position++] = Number(rest & 127n) | 128
    this.#buffer[position] = Number(rest)
  }

  double(value: number): void {
    this.#buffer.writeDoubleLE(value, this.#reserve(8))
  }

  bytes(value: Uint8Array): void {
    const position = this.#reserve(value.length)
    this.#buffer.set(value, position)
  }

  /** A string without its length. */
  string(value: string): void {
    if (value.length < shortString && this.#ascii(value)) return
    const size = Buffer.byteLength(value)
    const position = this.#reserve(size)
    this.#buffer.write(value, position, size, 'utf8')
  }

  #ascii(value: string): boolean {
    const position = this.#reserve(value.length)
    const buffer = this.#buffer
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) {
        this.#start += value.length
        return false
      }
      buffer[position + index] = code
    }
    return true
  }

  #reserve(size: number): number {
    if (size > this.#start) this.#grow(size)
    this.#start -= size
    return this.#start
  }

  #grow(size: number): void {
    const used = this.length
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size))
    this.#buffer.copy(larger, larger.length - used, this.#start)
    this.#start = larger.length - used
    this.#buffer = larger
  }
}

export class ProtoReader {
  readonly #buffer: Buffer
  position: number
  readonly end: number

  constructor(buffer: Uint8Array, start = 0, end = buffer.length) {
    this.#buffer = Buffer.isBuffer(buffer)
      ? buffer
      : Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.position = start
    this.end = end
  }

  get atEnd(): boolean {
    return this.position >= this.end
  }

  /** A varint that is small: a tag, a length, a boolean. */
  unsigned(): number {
    let result = 0
    let scale = 1
    for (let size = 0; size < 10; size++) {
      const byte = this.#byte()
      result += (byte & 127) * scale
      if (byte < 128) return result
      scale *= 128
    }
    throw new DecodeError('proto: integer overflow')
  }

  /** A varint as a signed integer of 64 bits. */
  integer(): number {
    const start = this.position
    const value = this.unsigned()
    if (value <= Number.MAX_SAFE_INTEGER) return value
    this.position = start
    return this.#large()
  }

  #large(): number {
    let result = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte()
      result |= BigInt(byte & 127) << shift
      if (byte < 128) break
    }
    const value = BigInt.asIntN(64, result)
    if (!Number.isSafeInteger(Number(value))) {
      throw new DecodeError(`proto: the integer ${value} is beyond 2^53 and cannot be kept exactly`)
    }
    return Number(value)
  }

  double(): number {
    this.#need(8)
    this.position += 8
    return this.#buffer.readDoubleLE(this.position - 8)
  }

  /** A reader of the length-delimited value that comes next. */
  message(): ProtoReader {
    const length = this.unsigned()
    this.#need(length)
    const reader = new ProtoReader(this.#buffer, this.position, this.position + length)
    this.position += length
    return reader
  }

  string(): string {
    const length = this.unsigned()
    this.#need(length)
    const start = this.position
    this.position += length
    return this.#buffer.toString('utf8', start, this.position)
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.unsigned()
    this.#need(length)
    this.position += length
    return this.#buffer.subarray(this.position - length, this.position)
  }

  /** All that is left. */
  rest(): Buffer {
    const start = this.position
    this.position = this.end
    return this.#buffer.subarray(start, this.end)
  }

  skip(wireType: number): void {
    switch (wireType) {
      case WireType.varint:
        this.unsigned()
        break
      case WireType.fixed64:
        this.#advance(8)
        break
      case WireType.bytes:
        this.#advance(this.unsigned())
        break
      case WireType.fixed32:
        this.#advance(4)
        break
      default:
        throw new DecodeError(`proto: illegal wireType ${wireType}`)
    }
  }

  #advance(length: number): void {
    this.#need(length)
    this.position += length
  }

  #byte(): number {
    if (this.position >= this.end) throw new DecodeError('unexpected EOF')
    return this.#buffer[this.position++]!
  }

  #need(length: number): void {
    if (this.position + length > this.end) throw new DecodeError('unexpected EOF')
  }
}
