import type { JsonValue } from '../meta.ts'
import {
  boolDeclaration,
  bounded,
  bytesDeclaration,
  doubleDeclaration,
  durationDeclaration,
  expectArray,
  intDeclaration,
  listDeclaration,
  mapDeclaration,
  nullableDeclaration,
  objectDeclaration,
  stringDeclaration,
  timestampDeclaration,
  type CelDeclaration,
  type CelField,
} from './declaration.ts'
import { CelError } from './error.ts'
import { escapeFieldName } from './field-names.ts'
import { maxRequestBytes } from './limits.ts'
import type { StructuralSchema } from './structural-schema.ts'
import { dynType } from './types.ts'
import { AssociativeList, JsonList } from './values/list.ts'
import { CelMap, mapKeyOf } from './values/map.ts'
import { integerOf } from './values/scalars.ts'
import type { CelValue } from './values/value.ts'

export interface StructuralDeclarationOptions {
  /** The root of a custom resource: `apiVersion`, `kind`, `metadata.name` and `.generateName` are always there. */
  readonly isResourceRoot?: boolean
  /** What messages call the object's type; fields append their names. Upstream makes one up: `selfType123`. */
  readonly typeName?: string
}

/**
 * The declaration of a value with this schema; undefined when CEL does not expose it: unknown fields preserved without
 * a type, and lists or maps of such. Source: k8s.io/apiserver/pkg/cel/common/schemas.go and valuesunstructured.go.
 */
export function structuralDeclaration(
  schema: StructuralSchema,
  options: StructuralDeclarationOptions = {},
): CelDeclaration | undefined {
  const { typeName = 'selfType', isResourceRoot = false } = options
  const declaration = declare(schema, typeName, isResourceRoot)
  return declaration && (schema.nullable ? nullableDeclaration(declaration) : withoutNull(declaration))
}

function withoutNull(declaration: CelDeclaration): CelDeclaration {
  return {
    ...declaration,
    wrap: (raw) => {
      if (raw === null) throw new CelError('invalid data, got null for schema with nullable=false')
      return declaration.wrap(raw)
    },
  }
}

function declare(
  schema: StructuralSchema,
  name: string,
  isResourceRoot: boolean,
): CelDeclaration | undefined {
  if (schema['x-kubernetes-int-or-string']) return intOrString(schema)
  const known = isResourceRoot ? withTypeAndObjectMeta(schema) : schema
  switch (known.type) {
    case 'array':
      return declareList(known, name)
    case 'object':
      return typeof known.additionalProperties === 'object'
        ? declareMap(known, name)
        : declareObject(known, name)
    case 'string':
      return declareString(known)
    case 'boolean':
      return boolDeclaration
    case 'number':
      return doubleDeclaration
    case 'integer':
      return intDeclaration
    default:
      return undefined
  }
}

function intOrString(schema: StructuralSchema): CelDeclaration {
  return {
    type: dynType,
    minSerializedSize: 1,
    maxElements: schema.maxLength === undefined ? maxRequestBytes - 2 : characters(schema.maxLength),
    wrap: (raw) => {
      const value = typeof raw === 'string' ? raw : integerOf(raw)
      if (value !== undefined) return value
      throw new CelError('invalid data, expected XIntOrString value to be either a string or integer')
    },
  }
}

function declareString(schema: StructuralSchema): CelDeclaration {
  const { format, maxLength, enum: choices } = schema
  switch (format) {
    case 'byte':
      return bounded(bytesDeclaration, {
        maxElements: maxLength === undefined ? maxRequestBytes - 2 : Math.max(0, maxLength),
      })
    case 'duration':
      return bounded(durationDeclaration, { maxElements: 32 })
    case 'date':
      return bounded(timestampDeclaration, { maxElements: 12, minSerializedSize: 12 })
    case 'date-time':
      return bounded(timestampDeclaration, { maxElements: 32, minSerializedSize: 21 })
    default:
      if (maxLength !== undefined) return bounded(stringDeclaration, { maxElements: characters(maxLength) })
      return bounded(stringDeclaration, {
        maxElements: choices?.length ? longestOf(choices) : maxRequestBytes - 2,
      })
  }
}

/** A schema counts characters, a request bytes; a character has at most four. */
function characters(maxLength: number): number {
  return Math.max(0, maxLength) * 4
}

function longestOf(choices: readonly JsonValue[]): number {
  return Math.max(0, ...choices.map((choice) => (typeof choice === 'string' ? Buffer.byteLength(choice) : 0)))
}

function declareList(schema: StructuralSchema, name: string): CelDeclaration | undefined {
  const { items, maxItems } = schema
  if (items === undefined || isSchemaList(items)) return undefined
  const element = declareNested(items, `${name}.@idx`)
  if (!element) return undefined
  const most = maxItems === undefined ? itemsInRequest(element.minSerializedSize + 1) : Math.max(0, maxItems)
  const list = listDeclaration(element, most)
  const keyOf = identityOf(schema)
  if (!keyOf) return list
  return { ...list, wrap: (raw) => new AssociativeList(new JsonList(expectArray(raw), element.wrap), keyOf) }
}

function isSchemaList(items: NonNullable<StructuralSchema['items']>): items is readonly StructuralSchema[] {
  return Array.isArray(items)
}

function itemsInRequest(bytesEach: number): number {
  return Math.floor((maxRequestBytes - 2) / bytesEach)
}

function identityOf(schema: StructuralSchema): ((item: CelValue) => unknown) | undefined {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return (item) => mapKeyOf(item) ?? item
    case 'map': {
      const keys = (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => escapeFieldName(key) ?? key)
      return (item) => keyText(item, keys)
    }
    default:
      return undefined
  }
}

function keyText(item: CelValue, keys: readonly string[]): unknown {
  if (!(item instanceof CelMap)) return item
  return keys.map((key) => scalarText(item.get(key))).join('\n')
}

function scalarText(value: CelValue | undefined): string {
  return value === undefined ? '' : `${typeof value}:${JSON.stringify(String(value))}`
}

function declareMap(schema: StructuralSchema, name: string): CelDeclaration | undefined {
  const element = declareNested(schema.additionalProperties as StructuralSchema, `${name}.@elem`)
  if (!element) return undefined
  const { maxProperties } = schema
  const most =
    maxProperties === undefined ? itemsInRequest(element.minSerializedSize + 6) : Math.max(0, maxProperties)
  return mapDeclaration(element, most)
}

function declareObject(schema: StructuralSchema, name: string): CelDeclaration {
  const required = new Set(schema.required)
  const fields: Record<string, CelField> = {}
  // {}
  let minSerializedSize = 2
  for (const [jsonName, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeFieldName(jsonName)
    const declaration = declareNested(property, `${name}.${escaped ?? jsonName}`)
    if (!declaration) continue
    if (escaped !== undefined) fields[escaped] = { declaration, jsonName }
    if (required.has(jsonName) && property.default === undefined) {
      // quotes, colon and comma
      minSerializedSize += Buffer.byteLength(jsonName) + declaration.minSerializedSize + 4
    }
  }
  return objectDeclaration(name, fields, { minSerializedSize })
}

function declareNested(schema: StructuralSchema, typeName: string): CelDeclaration | undefined {
  return structuralDeclaration(schema, {
    typeName,
    isResourceRoot: schema['x-kubernetes-embedded-resource'] ?? false,
  })
}

function withTypeAndObjectMeta(schema: StructuralSchema): StructuralSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {}
  const { name, generateName } = metadata?.properties ?? {}
  const texts = [kind, apiVersion, name, generateName]
  if (metadata?.type === 'object' && texts.every((property) => property?.type === 'string')) return schema
  const text: StructuralSchema = { type: 'string' }
  return {
    ...schema,
    properties: {
      ...schema.properties,
      kind: text,
      apiVersion: text,
      metadata: { type: 'object', properties: { name: text, generateName: text } },
    },
  }
}

/** How often a value of at least this size can stand in one request. */
export function maxCardinality(declaration: CelDeclaration): number {
  return Math.floor(maxRequestBytes / (declaration.minSerializedSize + 1))
}
