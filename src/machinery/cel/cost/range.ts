import { unboundedCost } from '../limits.ts'

/** From the least to the most, of a size or a cost. Saturates at `unboundedCost`. */
export interface Range {
  readonly min: number
  readonly max: number
}

export const unknownSize: Range = { min: 0, max: unboundedCost }

export function fixed(value: number): Range {
  return { min: value, max: value }
}

function saturated(value: number): number {
  return Math.min(value, unboundedCost)
}

export function plus(a: Range, b: Range): Range {
  return { min: saturated(a.min + b.min), max: saturated(a.max + b.max) }
}

export function times(a: Range, b: Range): Range {
  return { min: saturated(a.min * b.min), max: saturated(a.max * b.max) }
}

/** Rounded up. */
export function scaled(range: Range, factor: number): Range {
  return { min: saturated(Math.ceil(range.min * factor)), max: saturated(Math.ceil(range.max * factor)) }
}

export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }
}
