import type { JsonValue } from '../meta.ts'
import type { ListSchema, Schema } from '../schema.ts'
import type { FieldSet } from './field-set.ts'
import { FieldSetBuilder } from './field-set-builder.ts'
import { fieldElement } from './path-element.ts'
import { fieldOf, isObject, itemElement, schemaOfKey, shapeOf, type JsonObject } from './typed.ts'

/** Every leaf, and every item of a list, that a value mentions: what applying it comes to own. */
export function toFieldSet(value: JsonValue, schema: Schema): FieldSet {
  const root = new FieldSetBuilder()
  if (isObject(value)) collectFields(root, value, schema)
  return root.build()
}

function collect(node: FieldSetBuilder, value: JsonValue, schema: Schema): void {
  switch (shapeOf(schema, value)) {
    case 'leaf':
      return node.add()
    case 'list':
      return collectItems(node, value, schema as ListSchema)
    case 'map':
      if (isObject(value)) collectFields(node, value, schema)
  }
}

function collectFields(node: FieldSetBuilder, object: JsonObject, schema: Schema): void {
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value === undefined) continue
    const child = node.child(fieldElement(key))
    collect(child, value, schemaOfKey(schema, key))
    const isEmpty = value === null || (isObject(value) && Object.keys(value).length === 0)
    if (isEmpty || !fieldOf(schema, key)) child.add()
  }
}

/** An item that stands in the list more than once is owned as a whole. */
function collectItems(node: FieldSetBuilder, value: JsonValue, schema: ListSchema): void {
  if (!Array.isArray(value)) return
  const items = (value as readonly JsonValue[]).map((item) => [itemElement(schema, item), item] as const)
  const counts = new Map<string, number>()
  for (const [element] of items) counts.set(element, (counts.get(element) ?? 0) + 1)
  for (const [element, item] of items) {
    const child = node.child(element)
    if (counts.get(element) === 1) collect(child, item, schema.items)
    child.add()
  }
}
