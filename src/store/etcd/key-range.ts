import { keptEntry } from '../large-value.ts'
import type { Entry } from '../store.ts'
import type { KeyValue } from './generated/rpc_pb.ts'

export interface KeyRange {
  readonly key: Uint8Array
  readonly rangeEnd: Uint8Array
}

/** A zero byte: the first possible key, and as the end of a range the end of all keys. */
const zero = Buffer.of(0)

/**
 * A key of the store's own, right behind the prefix of a watch, so that a watch can see a write to it. The zero byte
 * keeps it apart from the keys of API objects.
 */
const fence = Buffer.from('\0k8ts.fence')

export function encodeKey(key: string): Uint8Array {
  return Buffer.from(key)
}

/** The keys that start with `prefix`, from `startKey` on. */
export function prefixRange(prefix: string, startKey: string = prefix): KeyRange {
  const first = encodeKey(prefix)
  const start = encodeKey(startKey)
  const key = Buffer.compare(start, first) < 0 ? first : start
  return { key: key.length > 0 ? key : zero, rangeEnd: prefixEnd(first) }
}

/** The range of a prefix, extended to reach its fence. */
export function fencedRange(prefix: string): KeyRange & { readonly fenceKey: Uint8Array } {
  const { key, rangeEnd } = prefixRange(prefix)
  if (zero.equals(rangeEnd)) return { key, rangeEnd, fenceKey: fence }
  const fenceKey = Buffer.concat([rangeEnd, fence])
  return { key, rangeEnd: Buffer.concat([fenceKey, zero]), fenceKey }
}

/** Whether the key is the store's own, and nobody else's business. */
export function isFence(key: Uint8Array): boolean {
  return fence.equals(key.subarray(-fence.length))
}

/** A copy: a view would keep the whole response in memory. */
export function entryOf({ key, value, modRevision, createRevision }: KeyValue): Entry {
  return keptEntry(decodeKey(key), value.slice(), modRevision, createRevision)
}

export function decodeKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString()
}

/** The first key after all those that start with `prefix`. */
function prefixEnd(prefix: Uint8Array): Uint8Array {
  const last = prefix.findLastIndex((byte) => byte < 0xff)
  if (last < 0) return zero
  const end = Buffer.from(prefix.subarray(0, last + 1))
  end[last]! += 1
  return end
}
