import type { CompressedForm } from '../large-value.ts'

/**
 * What a log consists of: changes under their revisions, and marks of how far history has been compacted. Big-endian:
 *
 *     0  u32  length of the record in bytes
 *     4  u8   1 put, 2 delete, 3 compacted, 4 put of a compressed value
 *     5  u8   0
 *     6  u16  length of the key in bytes
 *     8  u64  revision
 *    16  u64  create revision (put)
 *    24  f64  when the entry expires, milliseconds since the epoch; 0 for never (put)
 *    32       key in UTF-8, then the value (put); of a compressed one (since format 2) first the length of the value in
 *             bytes, u32, then a zstd frame of it
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
const typeNumbers = { put: 1, delete: 2, compacted: 3, putCompressed: 4 } as const
const plainLengthBytes = 4

/** The longest key a record can hold. Bytes of UTF-8. */
export const maxKeyBytes = 0xffff

export function encodeRecord(record: LogRecord): Buffer {
  const key = record.type === 'compacted' ? '' : record.key
  const value = record.type === 'put' ? record.value : undefined
  const form = value && isCompressed(value) ? value : undefined
  const content = form ? form.frame : (value as Uint8Array | undefined)
  const keyBytes = Buffer.byteLength(key)
  const contentStart = recordHeaderBytes + keyBytes + (form ? plainLengthBytes : 0)
  // Not from the shared pool: a value may live long, and would keep a whole pool of short-lived ones.
  const bytes = Buffer.allocUnsafeSlow(contentStart + (content?.length ?? 0))
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.writeUInt16BE(typeNumbers[form ? 'putCompressed' : record.type] << 8, 4)
  bytes.writeUInt16BE(keyBytes, 6)
  bytes.writeBigUInt64BE(record.revision, 8)
  bytes.writeBigUInt64BE(record.type === 'put' ? record.createRevision : 0n, 16)
  bytes.writeDoubleBE(record.type === 'put' ? record.expiresAtMs : 0, 24)
  if (keyBytes > 0) bytes.write(key, recordHeaderBytes)
  if (form) bytes.writeUInt32BE(form.length, contentStart - plainLengthBytes)
  if (content) bytes.set(content, contentStart)
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
      const frameStart = valueStart + plainLengthBytes
      if (frameStart > bytes.length) return undefined
      return put({ frame: bytes.subarray(frameStart), length: bytes.readUInt32BE(valueStart) })
    }
  }
  return undefined

  function put(value: Uint8Array | CompressedForm): LogRecord {
    const createRevision = bytes.readBigUInt64BE(16)
    return { type: 'put', revision, key, value, createRevision, expiresAtMs: bytes.readDoubleBE(24) }
  }
}

/** The value of an encoded put that is not compressed, as a view of it. */
export function valueOf(bytes: Buffer): Uint8Array {
  const start = recordHeaderBytes + bytes.readUInt16BE(6)
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start)
}
