import type { JsonValue } from '../meta.ts'
import type { ListSchema, Schema } from '../schema.ts'
import { hasChildren, isMember, type FieldSet } from './field-set.ts'
import { fieldElement } from './path-element.ts'
import { isObject, itemElement, ownValue, schemaOfKey, shapeOf, type JsonObject } from './typed.ts'

/**
 * The value without the fields and items of a set. What loses all its content becomes null: it was mentioned, and
 * nothing is left of it (see withoutEmptied).
 */
export function removeItems(value: JsonValue, toRemove: FieldSet, schema: Schema): JsonValue {
  switch (shapeOf(schema, value)) {
    case 'leaf':
      // What is atomic goes as a whole, when something within it is named.
      return isObject(value) || Array.isArray(value) ? null : value
    case 'list':
      return Array.isArray(value)
        ? removeFromList(value as readonly JsonValue[], toRemove, schema as ListSchema)
        : null
    case 'map':
      return isObject(value) ? removeFromObject(value, toRemove, schema) : null
  }
}

function removeFromList(list: readonly JsonValue[], toRemove: FieldSet, schema: ListSchema): JsonValue {
  const kept: JsonValue[] = []
  let changed = false
  for (const item of list) {
    const node = toRemove[itemElement(schema, item)]
    changed ||= node !== undefined
    if (!node) kept.push(item)
    else if (!isMember(node)) kept.push(removeItems(item, node, schema.items))
  }
  if (!changed) return list.length > 0 ? list : null
  return kept.length > 0 ? kept : null
}

function removeFromObject(object: JsonObject, toRemove: FieldSet, schema: Schema): JsonValue {
  let kept: Record<string, JsonValue> | undefined
  for (const [key, value] of Object.entries(object)) {
    const node = toRemove[fieldElement(key)]
    if (!node) continue
    kept ??= { ...object }
    if (isMember(node)) delete kept[key]
    else if (hasChildren(node)) kept[key] = removeItems(value, node, schemaOfKey(schema, key))
  }
  const result = kept ?? object
  return Object.keys(result).length > 0 ? result : null
}

/** The value after removals without the nulls that they left in the place of what `before` had there. */
export function withoutEmptied(value: JsonValue, before: JsonValue, schema: Schema): JsonValue {
  if (value === before) return value
  switch (shapeOf(schema, value)) {
    case 'leaf':
      return value
    case 'list':
      return listWithoutEmptied(value, before, schema as ListSchema)
    case 'map':
      return isObject(value) && isObject(before) ? objectWithoutEmptied(value, before, schema) : value
  }
}

function listWithoutEmptied(value: JsonValue, before: JsonValue, schema: ListSchema): JsonValue {
  if (!Array.isArray(value) || !Array.isArray(before)) return value
  const previous = new Map<string, JsonValue>()
  for (const item of before as readonly JsonValue[]) previous.set(itemElement(schema, item), item)
  const items = value as readonly JsonValue[]
  return items.map((item) => {
    const element = item === null ? undefined : itemElement(schema, item)
    const earlier = element === undefined ? undefined : previous.get(element)
    return earlier === undefined ? item : withoutEmptied(item, earlier, schema.items)
  })
}

function objectWithoutEmptied(value: JsonObject, before: JsonObject, schema: Schema): JsonValue {
  const kept: Record<string, JsonValue> = { ...value }
  for (const key of Object.keys(kept)) {
    const earlier = ownValue(before, key)
    if (earlier === undefined) continue
    if (kept[key] === null && earlier !== null) delete kept[key]
    else kept[key] = withoutEmptied(kept[key]!, earlier, schemaOfKey(schema, key))
  }
  return kept
}
