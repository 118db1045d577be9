import { crc32 } from 'node:zlib'

/**
 * A change as the log keeps it, under its revision. Big-endian:
 *
 *     0  u32  CRC-32 of the rest, seeded with the low half of the revision, so that a record fits only its place
 *     4  u8   1 put, 2 delete
 *     5  u8   0
 *     6  u16  length of the key in bytes
 *     8  u64  create revision (put)
 *    16  f64  when the entry expires, milliseconds since the epoch; 0 for never (put)
 *    24       key in UTF-8, then the value (put)
 */
export type LogRecord =
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: Uint8Array
      readonly createRevision: bigint
      readonly expiresAtMs: number
    }
  | { readonly type: 'delete'; readonly key: string }

const headerBytes = 24
const putType = 1
const deleteType = 2

/** The longest key a record can hold. Bytes of UTF-8. */
export const maxKeyBytes = 0xffff

export function encodeRecord(record: LogRecord, revision: bigint): Buffer {
  const keyBytes = Buffer.byteLength(record.key)
  const value = record.type === 'put' ? record.value : undefined
  // Not from the shared pool: a value may live long, and would keep a whole pool of short-lived ones.
  const bytes = Buffer.allocUnsafeSlow(headerBytes + keyBytes + (value?.length ?? 0))
  bytes.writeUInt16BE(record.type === 'put' ? putType << 8 : deleteType << 8, 4)
  bytes.writeUInt16BE(keyBytes, 6)
  bytes.writeBigUInt64BE(record.type === 'put' ? record.createRevision : 0n, 8)
  bytes.writeDoubleBE(record.type === 'put' ? record.expiresAtMs : 0, 16)
  bytes.write(record.key, headerBytes)
  if (value) bytes.set(value, headerBytes + keyBytes)
  bytes.writeUInt32BE(checksum(bytes, revision), 0)
  return bytes
}

/** The record in `bytes`, or undefined when they are not a record of `revision`. The value is a view of `bytes`. */
export function decodeRecord(bytes: Buffer, revision: bigint): LogRecord | undefined {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== checksum(bytes, revision)) return undefined
  const valueStart = headerBytes + bytes.readUInt16BE(6)
  const key = bytes.toString('utf8', headerBytes, valueStart)
  if (bytes[4] === deleteType) return { type: 'delete', key }
  return {
    type: 'put',
    key,
    value: valueOf(bytes, valueStart),
    createRevision: bytes.readBigUInt64BE(8),
    expiresAtMs: bytes.readDoubleBE(16),
  }
}

/** The value of an encoded put, as a view of it. */
export function valueOf(bytes: Buffer, start = headerBytes + bytes.readUInt16BE(6)): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start)
}

function checksum(bytes: Buffer, revision: bigint): number {
  return crc32(bytes.subarray(4), Number(revision & 0xffff_ffffn))
}
