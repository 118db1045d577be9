import type { Schema } from '../schema.ts'
import { hasChildren, leaf, type FieldSet } from './field-set.ts'
import { fieldNameOf, selfKey } from './path-element.ts'
import { fieldOf, schemaOfItems, shapeOf } from './typed.ts'

/** The schema that each set is known to follow. */
const followed = new WeakMap<FieldSet, Schema>()

/**
 * The set brought up to date with a schema that has changed since the set was written: who owned something inside what
 * is atomic now owns it as a whole. The same set when nothing changes, which is remembered.
 */
export function reconcileWithSchema(set: FieldSet, schema: Schema): FieldSet {
  if (followed.get(set) === schema) return set
  const result = reconcileChildren(set, schema)
  if (result === set) rememberReconciled(set, schema)
  return result
}

/** Says that a set follows the schema: it was made of sets that do. */
export function rememberReconciled(set: FieldSet, schema: Schema): void {
  if (followed.get(set) !== schema) followed.set(set, schema)
}

function reconcileChildren(set: FieldSet, schema: Schema): FieldSet {
  let result: Record<string, FieldSet> | undefined
  for (const element of Object.keys(set)) {
    if (element === selfKey) continue
    const below = schemaBelow(schema, element)
    if (!below) continue
    const node = set[element]!
    const next = reconcileNode(node, below)
    if (next === node) continue
    result ??= { ...set }
    result[element] = next
  }
  return result ?? set
}

function reconcileNode(node: FieldSet, schema: Schema): FieldSet {
  if (!hasChildren(node) || saysNothingOfItsContent(schema)) return node
  const isContainer = schema.type === 'object' || schema.type === 'map' || schema.type === 'list'
  if (isContainer && shapeOf(schema, undefined) === 'leaf') return leaf
  return reconcileChildren(node, schema)
}

/** Upstream leaves sets as they are where names and types of what is below are open, even when it has become atomic. */
function saysNothingOfItsContent(schema: Schema): boolean {
  switch (schema.type) {
    case 'map':
      return schema.values.type === 'any' || schema.values.type === 'intOrString'
    case 'object':
      return schema.preserveUnknown === true && Object.keys(schema.fields).length === 0
    default:
      return false
  }
}

/** The schema under an element; undefined where the type says nothing, or allows anything. */
function schemaBelow(schema: Schema, element: string): Schema | undefined {
  const name = fieldNameOf(element)
  if (name === undefined) return schema.type === 'list' ? schemaOfItems(schema) : undefined
  if (schema.type === 'map') return schema.values
  return fieldOf(schema, name)?.schema
}
