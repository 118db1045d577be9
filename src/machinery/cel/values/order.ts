import { compareGoStrings } from '../../go-format.ts'
import { CelError } from '../error.ts'
import { compareNumbers, numberOf } from './equality.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import type { CelValue } from './value.ts'

/** Negative, zero or positive; NaN where one is NaN. Throws a CelError for values that have no common order. */
export function compareValues(a: CelValue, b: CelValue): number {
  const left = numberOf(a)
  const right = numberOf(b)
  if (left !== undefined && right !== undefined) {
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN
    return compareNumbers(left, right)
  }
  if (typeof a === 'string' && typeof b === 'string') return Math.sign(compareGoStrings(a, b))
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (
    (a instanceof CelTimestamp && b instanceof CelTimestamp) ||
    (a instanceof CelDuration && b instanceof CelDuration)
  ) {
    return a.nanoseconds < b.nanoseconds ? -1 : Number(a.nanoseconds > b.nanoseconds)
  }
  throw new CelError('no such overload')
}
