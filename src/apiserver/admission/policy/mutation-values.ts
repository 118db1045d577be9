import { fieldOf, schemaOfItems, schemaOfKey, shapeOf } from '../../../machinery/apply/typed.ts'
import { CelList } from '../../../machinery/cel/values/list.ts'
import { CelMap, mapKeyOf } from '../../../machinery/cel/values/map.ts'
import { CelObject } from '../../../machinery/cel/values/object.ts'
import { CelOptional } from '../../../machinery/cel/values/optional.ts'
import { formatDurationSeconds, formatTimestamp } from '../../../machinery/cel/values/time-text.ts'
import { CelDuration, CelTimestamp } from '../../../machinery/cel/values/time.ts'
import { CelUint } from '../../../machinery/cel/values/uint.ts'
import type { CelValue } from '../../../machinery/cel/values/value.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import { integerOf } from '../../../machinery/long-integers.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Schema } from '../../../machinery/schema.ts'

/** What an expression made, as JSON. Fields that are null, or optional and none, are not there. */
export function jsonOf(value: CelValue): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return integerOf(value.toString())
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof CelUint) return Number(value.value)
  if (value instanceof CelTimestamp) return formatTimestamp(value)
  if (value instanceof CelDuration) return formatDurationSeconds(value)
  if (value instanceof CelList) return value.toArray().map(jsonOf)
  if (value instanceof CelObject) {
    return Object.fromEntries(Array.from(value.fields, ([name, field]) => [name, jsonOf(field)]))
  }
  if (value instanceof CelMap) {
    return Object.fromEntries(
      Array.from(value.keys(), (key) => [String(mapKeyOf(key)), jsonOf(value.get(key) ?? null)]),
    )
  }
  if (value instanceof CelOptional) return value.value === undefined ? null : jsonOf(value.value)
  throw new TypeError('the value cannot be JSON')
}

/**
 * An object whose type is not that of the field it stands in: `Object.spec.wrong{}` in `selector` of `Object.spec`. In a
 * JSON patch, only what the operations set is looked at.
 */
export function mistypedObject(value: CelValue): string | undefined {
  if (value instanceof CelList) return firstFault(value.toArray().map((item) => mistypedObject(item)))
  if (!(value instanceof CelObject)) return undefined
  if (value.type.name === 'JSONPatch') {
    const set = value.fields.get('value')
    return set instanceof CelObject ? faultBelow(set, set.type.name) : undefined
  }
  return faultBelow(value, value.type.name)
}

function faultBelow(value: CelValue, expected: string): string | undefined {
  if (value instanceof CelList) return firstFault(value.toArray().map((item) => faultBelow(item, expected)))
  if (!(value instanceof CelObject)) return undefined
  const found = value.type.name
  if (found !== expected) {
    return `unexpected type name ${goQuote(found)}, expected ${goQuote(expected)}, which matches field name path from root Object type`
  }
  return firstFault(Array.from(value.fields, ([name, field]) => faultBelow(field, `${expected}.${name}`)))
}

function firstFault(faults: readonly (string | undefined)[]): string | undefined {
  return faults.find((fault) => fault !== undefined)
}

/**
 * Lists, maps and structs in a value that would be replaced as a whole: `.spec.template.nodeSelector`. What the values of
 * maps are is not asked. Source: .../plugin/policy/mutating/patch/smd.go.
 */
export function atomicPaths(value: JsonValue, schema: Schema, at = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const isComposite = schema.type === 'list' || schema.type === 'map' || schema.type === 'object'
  const own = isComposite && shapeOf(schema, value) === 'leaf' ? [at] : []
  if (Array.isArray(value)) {
    if (schema.type !== 'list') return own
    return [
      ...own,
      ...(value as readonly JsonValue[]).flatMap((item, index) =>
        atomicPaths(item, schemaOfItems(schema), `${at}[${index}]`),
      ),
    ]
  }
  if (schema.type !== 'map' && schema.type !== 'object') return own
  return [
    ...own,
    ...Object.entries(value).flatMap(([key, child]) =>
      schema.type === 'object' && fieldOf(schema, key)
        ? atomicPaths(child, schemaOfKey(schema, key), `${at}.${key}`)
        : [],
    ),
  ]
}
