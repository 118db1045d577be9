import { codePointCount } from '../code-points.ts'
import { CelList } from './list.ts'
import { CelMap } from './map.ts'
import { CelOpaque } from './opaque.ts'
import { CelOptional } from './optional.ts'
import type { CelValue } from './value.ts'

/** `size()`: characters, bytes, items or entries; undefined for what has no size. */
export function sizeOf(value: CelValue): number | undefined {
  if (typeof value === 'string') return codePointCount(value)
  if (value instanceof CelList || value instanceof CelMap) return value.size
  return value instanceof Uint8Array ? value.length : undefined
}

/** The size that cost counts: 1 for what has none. */
export function costSizeOf(value: CelValue): number {
  if (value instanceof CelOptional) return value.value === undefined ? 1 : costSizeOf(value.value)
  if (value instanceof CelOpaque) return value.costSize
  return sizeOf(value) ?? 1
}
