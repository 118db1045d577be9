import type { Schema } from './schema.ts'
import { compareQuantity, isQuantity } from './quantity.ts'

/** Whether two JSON values are the same. A key whose value is undefined counts as absent; order of keys does not matter. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && listsEqual(a, b)
  return !Array.isArray(b) && objectsEqual(a as JsonObject, b as JsonObject)
}

type JsonObject = Readonly<Record<string, unknown>>

function listsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]))
}

function objectsEqual(a: JsonObject, b: JsonObject): boolean {
  let present = 0
  for (const key of Object.keys(a)) {
    const value = a[key]
    if (value === undefined) continue
    present++
    if (!Object.hasOwn(b, key) || !jsonEqual(value, b[key])) return false
  }
  for (const key of Object.keys(b)) if (b[key] !== undefined) present--
  return present === 0
}

/**
 * Whether two values mean the same, as upstream's equality.Semantic.DeepEqual: null, an empty list and an empty map
 * are as good as absent, and quantities and times are compared by what they say. With a schema, an empty struct is
 * something else than none (`emptyDir: {}`); without one, the two cannot be told apart and count as equal.
 */
export function semanticEqual(a: unknown, b: unknown, schema?: Schema): boolean {
  if (a === b) return true
  const aAbsent = isAbsent(a, schema)
  const bAbsent = isAbsent(b, schema)
  if (aAbsent || bAbsent) return aAbsent && bAbsent
  if (typeof a !== 'object' || typeof b !== 'object') return scalarsEqual(a, b, schema)
  if (Array.isArray(a)) return Array.isArray(b) && semanticListsEqual(a, b, schema)
  return !Array.isArray(b) && semanticObjectsEqual(a as JsonObject, b as JsonObject, schema)
}

function isAbsent(value: unknown, schema: Schema | undefined): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object') return false
  if (Array.isArray(value)) return value.length === 0
  if (schema?.type === 'object') return false
  const items = Object.values(value)
  return schema ? items.length === 0 : items.every((item) => isAbsent(item, undefined))
}

function scalarsEqual(a: unknown, b: unknown, schema: Schema | undefined): boolean {
  if (schema?.type === 'quantity' && isQuantityLike(a) && isQuantityLike(b)) {
    return compareQuantity(String(a), String(b)) === 0
  }
  if (
    (schema?.type === 'time' || schema?.type === 'microTime') &&
    typeof a === 'string' &&
    typeof b === 'string'
  ) {
    return Date.parse(a) === Date.parse(b)
  }
  return false
}

function isQuantityLike(value: unknown): value is string | number {
  return (typeof value === 'string' || typeof value === 'number') && isQuantity(value)
}

function semanticListsEqual(
  a: readonly unknown[],
  b: readonly unknown[],
  schema: Schema | undefined,
): boolean {
  const items = schema?.type === 'list' ? schema.items : undefined
  return a.length === b.length && a.every((item, index) => semanticEqual(item, b[index], items))
}

function semanticObjectsEqual(a: JsonObject, b: JsonObject, schema: Schema | undefined): boolean {
  for (const key of Object.keys(a)) {
    if (!semanticEqual(a[key], Object.hasOwn(b, key) ? b[key] : undefined, schemaOfKey(schema, key)))
      return false
  }
  for (const key of Object.keys(b)) {
    if (!Object.hasOwn(a, key) && !isAbsent(b[key], schemaOfKey(schema, key))) return false
  }
  return true
}

function schemaOfKey(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.type === 'map') return schema.values
  return schema?.type === 'object' && Object.hasOwn(schema.fields, key)
    ? schema.fields[key]?.schema
    : undefined
}
