import type { JsonValue } from '../../meta.ts'
import { CelError } from '../error.ts'
import { runtimeTypeName } from '../types.ts'
import { stringFrom } from './conversions.ts'
import { typeOfValue } from './kind.ts'
import { CelList } from './list.ts'
import { CelMap } from './map.ts'
import { CelObject } from './object.ts'
import { CelOptional } from './optional.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

/**
 * JSON of what an expression yields: bytes as base64, times and durations as text, optionals as what they hold or null.
 * Objects must be named after the place where they stand, as `Object.spec` in `Object{spec: Object.spec{}}`. Throws a
 * CelError for values that have no JSON.
 */
export function celToJson(value: CelValue): JsonValue {
  if (
    value === null ||
    typeof value === 'boolean' ||
    typeof value === 'string' ||
    typeof value === 'number'
  ) {
    return value
  }
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof CelUint) return Number(value.value)
  if (value instanceof CelList) return value.toArray().map(celToJson)
  if (value instanceof CelMap) return mapToJson(value)
  if (value instanceof CelObject) return objectToJson(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof CelTimestamp || value instanceof CelDuration) return stringFrom(value) as string
  if (value instanceof CelOptional) return value.value === undefined ? null : celToJson(value.value)
  throw new CelError(`unable to convert ${runtimeTypeName(typeOfValue(value))} to JSON`)
}

function mapToJson(map: CelMap): JsonValue {
  return Object.fromEntries(
    Array.from(map.keys(), (key) => [String(stringFrom(key)), celToJson(map.get(key) ?? null)]),
  )
}

function objectToJson(object: CelObject): JsonValue {
  return Object.fromEntries(
    Array.from(object.fields, ([name, value]) => {
      checkName(value, `${object.type.name}.${name}`)
      return [name, celToJson(value)]
    }),
  )
}

/** Items of a list have the list's name. */
function checkName(value: CelValue, expected: string): void {
  if (value instanceof CelList) {
    for (const item of value) checkName(item, expected)
  } else if (value instanceof CelObject && value.type.name !== expected) {
    const names = `unexpected type name "${value.type.name}", expected "${expected}"`
    throw new CelError(`${names}, which matches field name path from root Object type`)
  }
}
