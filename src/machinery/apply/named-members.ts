import type { Schema } from '../schema.ts'
import { isMember, nodeOf, type FieldSet } from './field-set.ts'
import { fieldNameOf, selfKey } from './path-element.ts'
import { fieldOf, schemaOfItems, schemaOfKey } from './typed.ts'

/**
 * The set, and with each field below a declared field of a struct that field too: `a.b.c` brings `a` where the type
 * declares it, but not `a.b` where `a` is a map. Structs do not show in sets otherwise.
 */
export function withNamedMembers(set: FieldSet, schema: Schema | undefined): FieldSet {
  const result: Record<string, FieldSet> = {}
  for (const element of Object.keys(set)) {
    if (element === selfKey) continue
    const node = set[element]!
    const name = fieldNameOf(element)
    const declared = name !== undefined && schema !== undefined && fieldOf(schema, name) !== undefined
    const below = withNamedMembers(node, schema && schemaBelow(schema, element, name))
    result[element] = nodeOf(isMember(node) || declared, below)!
  }
  return result
}

function schemaBelow(schema: Schema, element: string, name: string | undefined): Schema | undefined {
  if (name !== undefined) return schema.type === 'list' ? undefined : schemaOfKey(schema, name)
  return element.startsWith('k:') && schema.type === 'list' ? schemaOfItems(schema) : undefined
}
