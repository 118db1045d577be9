import { crc32 } from 'node:zlib'
import { decodeRecords, recordHeaderBytes, type LogRecord } from './record.ts'

/**
 * Records that are written, and count, together. Big-endian:
 *
 *     0  u32  CRC-32 of the rest
 *     4  u32  length of the records in bytes
 *     8       the records
 */
const batchHeaderBytes = 8

/** The batch of these encoded records, in pieces. */
export function encodeBatch(records: readonly Buffer[]): Buffer[] {
  const header = Buffer.allocUnsafe(batchHeaderBytes)
  let length = 0
  for (const record of records) length += record.length
  header.writeUInt32BE(length, 4)
  let checksum = crc32(header.subarray(4))
  for (const record of records) checksum = crc32(record, checksum)
  header.writeUInt32BE(checksum, 0)
  return [header, ...records]
}

export type BatchAt =
  | { readonly type: 'batch'; readonly records: readonly LogRecord[]; readonly end: number }
  /** It goes on behind the end of the bytes, up to `end`; or its header is nonsense. */
  | { readonly type: 'incomplete'; readonly end: number }
  | { readonly type: 'damaged' }

/** What the batch is that starts at `start`. */
export function readBatch(bytes: Buffer, start: number): BatchAt {
  const recordsStart = start + batchHeaderBytes
  if (recordsStart > bytes.length) return { type: 'incomplete', end: recordsStart }
  const end = recordsStart + bytes.readUInt32BE(start + 4)
  if (end > bytes.length) return { type: 'incomplete', end }
  if (end === recordsStart || crc32(bytes.subarray(start + 4, end)) !== bytes.readUInt32BE(start)) {
    return { type: 'damaged' }
  }
  const records = decodeRecords(bytes.subarray(recordsStart, end))
  return records ? { type: 'batch', records, end } : { type: 'damaged' }
}

/** Whether an intact batch starts anywhere behind `start`. */
export function hasBatchBehind(bytes: Buffer, start: number): boolean {
  const last = bytes.length - batchHeaderBytes - recordHeaderBytes
  for (let at = start + 1; at <= last; at++) {
    // Few places look like the beginning of a batch, so that few checksums are made.
    const room = bytes.length - at - batchHeaderBytes
    const first = bytes.readUInt32BE(at + batchHeaderBytes)
    const looksLike = first >= recordHeaderBytes && first <= bytes.readUInt32BE(at + 4) && first <= room
    if (looksLike && readBatch(bytes, at).type === 'batch') return true
  }
  return false
}
