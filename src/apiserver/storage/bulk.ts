import type { ByteRange } from '../../store/store.ts'
import { endOfObject } from './json-bytes.ts'

/** Where the content of a field's objects stands in bytes that are JSON, between their braces; outermost ones alone. */
export function bulkIn(value: Buffer, field: string): readonly ByteRange[] {
  const marker = Buffer.from(`${JSON.stringify(field)}:{`)
  const ranges: ByteRange[] = []
  let end = 0
  for (let at = value.indexOf(marker); at >= 0; at = value.indexOf(marker, end)) {
    const start = at + marker.length
    end = endOfObject(value, start - 1)
    if (end > start) ranges.push({ start, end })
  }
  return ranges
}

/** What is left of the bytes without that. */
export function withoutBulk(value: Buffer, field: string): Buffer {
  const bulk = bulkIn(value, field)
  const starts = [0, ...bulk.map(({ end }) => end)]
  return Buffer.concat(starts.map((start, index) => value.subarray(start, bulk[index]?.start)))
}
