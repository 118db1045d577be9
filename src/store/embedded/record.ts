import type { CompressedForm, Outline } from '../large-value.ts'
import type { ByteRange } from '../store.ts'

/**
 * What a log consists of: changes under their revisions, and marks of how far history has been compacted. Big-endian:
 *
 *     0  u32  length of the record in bytes
 *     4  u8   1 put, 2 delete, 3 compacted, 4 put of a compressed value, 5 put of one with an outline
 *     5  u8   0
 *     6  u16  length of the key in bytes
 *     8  u64  revision
 *    16  u64  create revision (put)
 *    24  f64  when the entry expires, milliseconds since the epoch; 0 for never (put)
 *    32       key in UTF-8, then the value (put); of a compressed one (since format 2) first the length of the value in
 *             bytes, u32, then a zstd frame of it; of one with an outline (since format 3) first the length of the value
 *             and that of the outline in bytes, u32, how many ranges of the value the outline is without, u32, of each
 *             its start and its end, u32, then the outline and a zstd frame of what those ranges hold
 */
export type LogRecord = ChangeRecord | { readonly type: 'compacted'; readonly revision: bigint }

export type ChangeRecord =
  | {
      readonly type: 'put'
      readonly revision: bigint
      readonly key: string
      readonly value: Uint8Array | CompressedForm
      readonly createRevision: bigint
      /** 0 for never. */
      readonly expiresAtMs: number
    }
  | { readonly type: 'delete'; readonly revision: bigint; readonly key: string }

export const recordHeaderBytes = 32
const numberBytes = 4
const typeNumbers = { put: 1, delete: 2, compacted: 3, putCompressed: 4, putOutlined: 5 } as const

/** The longest key a record can hold. Bytes of UTF-8. */
export const maxKeyBytes = 0xffff

export function encodeRecord(record: LogRecord): Buffer {
  const key = record.type === 'compacted' ? '' : record.key
  const value = record.type === 'put' ? record.value : undefined
  const { type, pieces } = contentOf(record.type, value)
  const keyBytes = Buffer.byteLength(key)
  const contentBytes = pieces.reduce((sum, { length }) => sum + length, 0)
  // Not from the shared pool: a value may live long, and would keep a whole pool of short-lived ones.
  const bytes = Buffer.allocUnsafeSlow(recordHeaderBytes + keyBytes + contentBytes)
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.writeUInt16BE(typeNumbers[type] << 8, 4)
  bytes.writeUInt16BE(keyBytes, 6)
  bytes.writeBigUInt64BE(record.revision, 8)
  bytes.writeBigUInt64BE(record.type === 'put' ? record.createRevision : 0n, 16)
  bytes.writeDoubleBE(record.type === 'put' ? record.expiresAtMs : 0, 24)
  if (keyBytes > 0) bytes.write(key, recordHeaderBytes)
  let at = recordHeaderBytes + keyBytes
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** What stands behind the key, and what says so. */
function contentOf(
  type: LogRecord['type'],
  value: Uint8Array | CompressedForm | undefined,
): { readonly type: keyof typeof typeNumbers; readonly pieces: readonly Uint8Array[] } {
  if (!value) return { type, pieces: [] }
  if (!isCompressed(value)) return { type, pieces: [value] }
  const { frame, length, outline } = value
  if (!outline) return { type: 'putCompressed', pieces: [numbers([length]), frame] }
  const { bytes, bulk } = outline
  const ranges = bulk.flatMap(({ start, end }) => [start, end])
  return {
    type: 'putOutlined',
    pieces: [numbers([length, bytes.length, bulk.length, ...ranges]), bytes, frame],
  }
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * numberBytes)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * numberBytes)
  return bytes
}

export function isCompressed(value: Uint8Array | CompressedForm): value is CompressedForm {
  return 'frame' in value
}

/** The records that `bytes` consist of, or undefined when they are no such thing. Their values are views of them. */
export function decodeRecords(bytes: Buffer): readonly LogRecord[] | undefined {
  const records: LogRecord[] = []
  for (let at = 0; at < bytes.length;) {
    const length = at + recordHeaderBytes <= bytes.length ? bytes.readUInt32BE(at) : 0
    if (length < recordHeaderBytes || at + length > bytes.length) return undefined
    const record = decodeRecord(bytes.subarray(at, at + length))
    if (!record) return undefined
    records.push(record)
    at += length
  }
  return records
}

function decodeRecord(bytes: Buffer): LogRecord | undefined {
  const revision = bytes.readBigUInt64BE(8)
  const valueStart = recordHeaderBytes + bytes.readUInt16BE(6)
  if (valueStart > bytes.length) return undefined
  const key = bytes.toString('utf8', recordHeaderBytes, valueStart)
  switch (bytes[4]) {
    case typeNumbers.compacted:
      return { type: 'compacted', revision }
    case typeNumbers.delete:
      return { type: 'delete', revision, key }
    case typeNumbers.put:
      return put(bytes.subarray(valueStart))
    case typeNumbers.putCompressed: {
      const form = decodeCompressed(bytes.subarray(valueStart))
      return form && put(form)
    }
    case typeNumbers.putOutlined: {
      const form = decodeOutlined(bytes.subarray(valueStart))
      return form && put(form)
    }
  }
  return undefined

  function put(value: Uint8Array | CompressedForm): LogRecord {
    const createRevision = bytes.readBigUInt64BE(16)
    return { type: 'put', revision, key, value, createRevision, expiresAtMs: bytes.readDoubleBE(24) }
  }
}

function decodeCompressed(content: Buffer): CompressedForm | undefined {
  if (content.length < numberBytes) return undefined
  return { frame: content.subarray(numberBytes), length: content.readUInt32BE(0) }
}

function decodeOutlined(content: Buffer): CompressedForm | undefined {
  const number = (index: number) => content.readUInt32BE(index * numberBytes)
  const rangesStart = 3 * numberBytes
  if (content.length < rangesStart) return undefined
  const [length, outlineBytes, count] = [number(0), number(1), number(2)]
  const outlineStart = rangesStart + 2 * count * numberBytes
  const frameStart = outlineStart + outlineBytes
  if (content.length < frameStart) return undefined
  const bulk = Array.from({ length: count }, (_, index) => {
    return { start: number(3 + 2 * index), end: number(4 + 2 * index) }
  })
  if (!fits(bulk, length, outlineBytes)) return undefined
  const outline: Outline = { bytes: content.subarray(outlineStart, frameStart), bulk }
  return { frame: content.subarray(frameStart), length, outline }
}

/** Whether ranges follow one another in a value of `length` bytes and leave what an outline has. */
function fits(bulk: readonly ByteRange[], length: number, outlineBytes: number): boolean {
  let [at, left] = [0, length]
  for (const { start, end } of bulk) {
    if (start < at || end < start) return false
    at = end
    left -= end - start
  }
  return at <= length && left === outlineBytes
}

/** The value of an encoded put that is not compressed, as a view of it. */
export function valueOf(bytes: Buffer): Uint8Array {
  const start = recordHeaderBytes + bytes.readUInt16BE(6)
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start)
}
