import type { Schema } from '../schema.ts'
import {
  boolDeclaration,
  bytesDeclaration,
  doubleDeclaration,
  dynDeclaration,
  expectObject,
  intDeclaration,
  listDeclaration,
  mapDeclaration,
  stringDeclaration,
  timestampDeclaration,
  type CelDeclaration,
} from './declaration.ts'
import { escapeFieldName } from './field-names.ts'
import { structType } from './types.ts'
import { JsonObject, type FieldAccess } from './values/map.ts'

const declarations = new WeakMap<Schema, CelDeclaration>()

/**
 * The declaration of a built-in type, by the table of facts. Quantities and IntOrStrings are what their JSON is.
 * Schemas may be recursive: fields are declared when they are first asked for.
 */
export function schemaDeclaration(schema: Schema): CelDeclaration {
  let declaration = declarations.get(schema)
  if (declaration === undefined) {
    declaration = declare(schema)
    declarations.set(schema, declaration)
  }
  return declaration
}

function declare(schema: Schema): CelDeclaration {
  switch (schema.type) {
    case 'boolean':
      return boolDeclaration
    case 'integer':
      return intDeclaration
    case 'number':
      return doubleDeclaration
    case 'bytes':
      return bytesDeclaration
    case 'time':
    case 'microTime':
      return timestampDeclaration
    case 'string':
    case 'quantity':
    case 'duration':
      return stringDeclaration
    case 'intOrString':
    case 'any':
      return dynDeclaration
    case 'list':
      return listDeclaration(schemaDeclaration(schema.items))
    case 'map':
      return mapDeclaration(schemaDeclaration(schema.values))
    case 'object':
      return declareObject(schema)
  }
}

function declareObject(schema: Extract<Schema, { type: 'object' }>): CelDeclaration {
  const jsonNames = new Map<string, string>()
  for (const jsonName of Object.keys(schema.fields)) {
    const name = escapeFieldName(jsonName)
    if (name !== undefined) jsonNames.set(name, jsonName)
  }
  const fieldOf = (name: string): CelDeclaration | undefined => {
    const jsonName = jsonNames.get(name)
    return jsonName === undefined ? undefined : schemaDeclaration(schema.fields[jsonName]!.schema)
  }
  const access = (name: string): FieldAccess | undefined => {
    const jsonName = jsonNames.get(name)
    return jsonName === undefined
      ? undefined
      : { jsonName, wrap: schemaDeclaration(schema.fields[jsonName]!.schema).wrap }
  }
  return {
    type: structType(schema.name ?? 'object', (name) => fieldOf(name)?.type),
    minSerializedSize: 2,
    field: fieldOf,
    wrap: (raw) => new JsonObject(expectObject(raw), access, () => jsonNames.keys()),
  }
}
