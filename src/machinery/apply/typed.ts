import { goQuoteList } from '../go-format.ts'
import type { JsonValue } from '../meta.ts'
import type { AnySchema, Field, ListSchema, Schema } from '../schema.ts'
import { keyElement, valueElement } from './path-element.ts'

/** How structured-merge-diff sees values through their schemas. */

export type JsonObject = { readonly [key: string]: JsonValue }

const anySchema: AnySchema = { type: 'any' }

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value of the object's own key; what every object inherits is a function, or under `__proto__`. */
export function ownValue(object: JsonObject, key: string): JsonValue | undefined {
  const value = object[key]
  const mayBeInherited = typeof value === 'function' || key === '__proto__'
  return mayBeInherited && !Object.hasOwn(object, key) ? undefined : value
}

/** What a value is merged as: fields one by one, items one by one, or as a whole. */
export type Shape = 'map' | 'list' | 'leaf'

/** The shape that the schema gives; where it allows anything, the value says: objects are granular, lists are not. */
export function shapeOf(schema: Schema, value: JsonValue | undefined): Shape {
  switch (schema.type) {
    case 'object':
      return schema.structType === 'atomic' ? 'leaf' : 'map'
    case 'map':
      return schema.mapType === 'atomic' ? 'leaf' : 'map'
    case 'list':
      return schema.listType === 'atomic' ? 'leaf' : 'list'
    case 'any':
      return value === null || value === undefined || isObject(value) ? 'map' : 'leaf'
    default:
      return 'leaf'
  }
}

/** The schema of the value under a key. */
export function schemaOfKey(schema: Schema, key: string, field = fieldOf(schema, key)): Schema {
  return schema.type === 'map' ? schema.values : (field?.schema ?? anySchema)
}

/** The field of that name, where the schema declares it. */
export function fieldOf(schema: Schema, name: string): Field | undefined {
  return schema.type === 'object' && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
}

export function schemaOfItems(schema: Schema): Schema {
  return schema.type === 'list' ? schema.items : anySchema
}

/** What Go has in a field that JSON need not show: a struct that is no pointer, a number without omitempty, ... */
export function zeroValue(field: Field | undefined): JsonValue | undefined {
  if (!field?.alwaysSerialized) return undefined
  switch (field.schema.type) {
    case 'object':
      return emptyObject
    case 'string':
    case 'duration':
      return ''
    case 'integer':
    case 'number':
    case 'intOrString':
      return 0
    case 'boolean':
      return false
    case 'quantity':
      return '0'
    default:
      return null
  }
}

const emptyObject: JsonObject = Object.freeze({})

/** A value that does not fit its schema, or an item that has no place in its list. */
export class TypedValueError extends Error {}

/** The path element of an item of a `map` or `set` list. Throws a TypedValueError. */
export function itemElement(list: ListSchema, item: JsonValue): string {
  return list.listType === 'map' ? keyedItemElement(list, item) : setItemElement(item)
}

function keyedItemElement(list: ListSchema, item: JsonValue): string {
  if (item === null) throw new TypedValueError('associative list with keys may not have a null element')
  if (!isObject(item)) throw new TypedValueError('associative list with keys may not have non-map elements')
  const keys = sortedKeys(list)
  const fields: [string, JsonValue][] = []
  for (const key of keys) {
    const value = ownValue(item, key) ?? fieldOf(list.items, key)?.default
    if (value !== undefined) fields.push([key, value])
  }
  if (fields.length > 0) return keyElement(fields)
  throw new TypedValueError(
    `associative list with keys has an element that omits all key fields ${goQuoteList(list.mapKeys ?? [])} ` +
      "(and doesn't have default values for any key fields)",
  )
}

const keysInOrder = new WeakMap<ListSchema, readonly string[]>()

function sortedKeys(list: ListSchema): readonly string[] {
  let keys = keysInOrder.get(list)
  if (!keys) {
    keys = (list.mapKeys ?? []).toSorted()
    keysInOrder.set(list, keys)
  }
  return keys
}

function setItemElement(item: JsonValue): string {
  if (item === null) {
    throw new TypedValueError("associative list without keys has an element that's an explicit null")
  }
  if (isObject(item)) {
    throw new TypedValueError("associative list without keys has an element that's a map type")
  }
  if (Array.isArray(item)) throw new TypedValueError('not supported: associative list with lists as elements')
  return valueElement(item)
}

/** Whether two items have the same place in a `map` or `set` list; cheaper than comparing their elements. */
export function haveSamePlace(list: ListSchema, a: JsonValue, b: JsonValue): boolean {
  if (list.listType !== 'map' || !isObject(a) || !isObject(b)) return a === b && !isObject(a)
  return (list.mapKeys ?? []).every((key) => {
    const value = ownValue(a, key)
    return (
      (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') &&
      value === ownValue(b, key)
    )
  })
}
