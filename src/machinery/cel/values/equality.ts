import { CelError } from '../error.ts'
import { AssociativeList, CelList } from './list.ts'
import { CelMap } from './map.ts'
import { CelObject } from './object.ts'
import { CelOpaque } from './opaque.ts'
import { CelOptional } from './optional.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import { CelTypeValue } from './type-value.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

/** Whether one is as good as the other: `in`, `distinct`, `!=`. What cannot be compared is not. */
export function equalValues(a: CelValue, b: CelValue): boolean {
  return equality(a, b) === true
}

/** `==`. Throws a CelError where the two cannot be compared. */
export function strictlyEqualValues(a: CelValue, b: CelValue): boolean {
  const equal = equality(a, b)
  if (equal === undefined) throw new CelError('no such overload')
  return equal
}

/**
 * Equality of CEL: numbers compare across their types, values of different types are different, NaN equals nothing.
 * Undefined where the two cannot be compared; items of lists and maps that cannot be count as the same, as cel-go has it.
 */
function equality(a: CelValue, b: CelValue): boolean | undefined {
  if (b === null) return a === null
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return a === b
  const left = numberOf(a)
  if (left !== undefined) {
    const right = numberOf(b)
    return right !== undefined && compareNumbers(left, right) === 0
  }
  return equalObjects(a as Exclude<CelValue, string | boolean | null | number | bigint>, b)
}

/** Where one is a double, both are compared as doubles; NaN where one is NaN. */
export function compareNumbers(a: bigint | number, b: bigint | number): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : Number(a > b)
  const difference = Number(a) - Number(b)
  if (!Number.isNaN(difference)) return Math.sign(difference)
  return a === b ? 0 : Number.NaN
}

/** The value of an int, a uint or a double. */
export function numberOf(value: CelValue): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  return value instanceof CelUint ? value.value : undefined
}

function equalObjects(a: object, b: CelValue): boolean | undefined {
  if (a instanceof CelOpaque) return a.equals(b)
  if (a === b) return true
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b)
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanoseconds === b.nanoseconds
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanoseconds === b.nanoseconds
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name
  if (a instanceof CelOptional) return b instanceof CelOptional && equalOptionals(a, b)
  if (a instanceof CelObject) return b instanceof CelObject && equalFields(a, b)
  return false
}

function equalOptionals(a: CelOptional, b: CelOptional): boolean | undefined {
  if (a.value === undefined || b.value === undefined) return a.value === b.value
  return equality(a.value, b.value)
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.size !== b.size) return false
  if (a instanceof AssociativeList) return equalRegardlessOfOrder(a, b)
  for (let index = 0; index < a.size; index++) {
    if (equality(a.at(index), b.at(index)) === false) return false
  }
  return true
}

function equalRegardlessOfOrder(a: AssociativeList, b: CelList): boolean {
  const items = new Map(a.toArray().map((item) => [a.keyOf(item), item]))
  for (const item of b) {
    const own = items.get(a.keyOf(item))
    if (own === undefined || equality(own, item) === false) return false
  }
  return true
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false
  for (const key of a.keys()) {
    const left = a.get(key)
    const right = b.get(key)
    if (left === undefined || right === undefined) {
      if (left !== right) return false
    } else if (equality(left, right) === false) return false
  }
  return true
}

function equalFields(a: CelObject, b: CelObject): boolean {
  if (a.type.name !== b.type.name || a.fields.size !== b.fields.size) return false
  for (const [name, value] of a.fields) {
    const other = b.fields.get(name)
    if (other === undefined || equality(value, other) === false) return false
  }
  return true
}
