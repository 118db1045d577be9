import { CelError } from '../error.ts'
import { AssociativeList, CelList, ConcatenatedList, GrowingList } from './list.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import { inRange } from './time-text.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

function noOverload(): never {
  throw new CelError('no such overload')
}

/** Exact in 64 bits. Throws a CelError beyond. */
export function int(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new CelError('integer overflow')
  return value
}

export function uint(value: bigint): CelUint {
  if (BigInt.asUintN(64, value) !== value) throw new CelError('unsigned integer overflow')
  return new CelUint(value)
}

export function duration(nanoseconds: bigint): CelDuration {
  if (BigInt.asIntN(64, nanoseconds) !== nanoseconds) throw new CelError('integer overflow')
  return new CelDuration(nanoseconds)
}

export function timestamp(nanoseconds: bigint): CelTimestamp {
  const value = inRange(nanoseconds)
  if (value === undefined) throw new CelError('timestamp overflow')
  return value
}

export function add(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b)
  if (typeof a === 'string' && typeof b === 'string') return a + b
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (a instanceof CelList && b instanceof CelList) return concatenate(a, b)
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value + b.value)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return new Uint8Array(Buffer.concat([a, b]))
  if (a instanceof CelDuration && b instanceof CelDuration) return duration(a.nanoseconds + b.nanoseconds)
  if (
    (a instanceof CelTimestamp && b instanceof CelDuration) ||
    (a instanceof CelDuration && b instanceof CelTimestamp)
  ) {
    return timestamp(a.nanoseconds + b.nanoseconds)
  }
  return noOverload()
}

function concatenate(a: CelList, b: CelList): CelList {
  if (a instanceof GrowingList) return a.append(b)
  if (a instanceof AssociativeList) return a.merge(b)
  if (a.size === 0) return b
  return b.size === 0 ? a : new ConcatenatedList(a, b)
}

export function subtract(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a - b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value - b.value)
  if (a instanceof CelTimestamp && b instanceof CelDuration) return timestamp(a.nanoseconds - b.nanoseconds)
  if (
    (a instanceof CelTimestamp && b instanceof CelTimestamp) ||
    (a instanceof CelDuration && b instanceof CelDuration)
  ) {
    return duration(a.nanoseconds - b.nanoseconds)
  }
  return noOverload()
}

export function multiply(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a * b)
  if (typeof a === 'number' && typeof b === 'number') return a * b
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value * b.value)
  return noOverload()
}

export function divide(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw new CelError('division by zero')
    return int(a / b)
  }
  if (typeof a === 'number' && typeof b === 'number') return a / b
  if (a instanceof CelUint && b instanceof CelUint) {
    if (b.value === 0n) throw new CelError('division by zero')
    return new CelUint(a.value / b.value)
  }
  return noOverload()
}

export function modulo(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw new CelError('modulus by zero')
    // In Go the quotient overflows too.
    if (b === -1n) int(-a)
    return a % b
  }
  if (a instanceof CelUint && b instanceof CelUint) {
    if (b.value === 0n) throw new CelError('modulus by zero')
    return new CelUint(a.value % b.value)
  }
  return noOverload()
}

export function negate(value: CelValue): CelValue {
  if (typeof value === 'bigint') return int(-value)
  return typeof value === 'number' ? -value : noOverload()
}
