import type { JsonValue } from '../../machinery/meta.ts'
import type { JsonObject, OpenApiResource } from './input.ts'
import { definitionName, typeNames } from './names.ts'
import type { SchemaWriter } from './schema-writer.ts'

/** Adds the definitions of a custom resource and of its list. */
export function addCustomDefinitions(
  served: OpenApiResource,
  writer: SchemaWriter,
  dialect: 'v2' | 'v3',
): void {
  const { resource, custom } = served
  if (!custom) return
  const { group, version } = resource
  const name = definitionName(resource)
  const schema = ownSchema(custom.openAPIV3Schema, dialect)
  const properties = isJsonObject(schema.properties) ? schema.properties : {}
  writer.add(name, {
    ...schema,
    ...(schema['x-kubernetes-preserve-unknown-fields'] === true && dialect === 'v2'
      ? {}
      : {
          properties: {
            ...properties,
            ...typeMetaProperties,
            metadata: metadata(writer, typeNames.objectMeta, dialect),
          },
        }),
    'x-kubernetes-group-version-kind': [{ group, version, kind: resource.kind }],
  })
  writer.add(definitionName({ group, version, kind: custom.listKind }), {
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMetaProperties,
      items: { type: 'array', items: writer.reference(name) },
      metadata: metadata(writer, typeNames.listMeta, dialect),
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: custom.listKind }],
  })
}

const typeMetaProperties: JsonObject = { apiVersion: { type: 'string' }, kind: { type: 'string' } }

function metadata(writer: SchemaWriter, type: string, dialect: 'v2' | 'v3'): JsonObject {
  const reference = writer.reference(type)
  return dialect === 'v3' ? { allOf: [reference] } : reference
}

function ownSchema(schema: JsonValue | undefined, dialect: 'v2' | 'v3'): JsonObject {
  if (!isJsonObject(schema)) return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return dialect === 'v3' ? schema : (forV2(schema) as JsonObject)
}

/** Words of JSON schema that OpenAPI v2 lacks, or that old clients read wrongly. */
const notInV2 = new Set(['oneOf', 'anyOf', 'not', 'nullable', 'default'])

/**
 * The schema in the words of OpenAPI v2, weakened where that cannot say it: as upstream, what may be null, or what
 * keeps unknown fields, has no type and no properties, because old clients would refuse valid objects.
 */
function forV2(schema: JsonValue): JsonValue {
  if (Array.isArray(schema)) return schema.map(forV2)
  if (!isJsonObject(schema)) return schema
  const loose = schema.nullable === true || schema['x-kubernetes-preserve-unknown-fields'] === true
  const intOrString = schema['x-kubernetes-int-or-string'] === true
  const dropped = new Set([
    ...notInV2,
    ...(loose ? ['type', 'properties', 'items', 'additionalProperties', 'required'] : []),
    ...(intOrString ? ['type', 'format', 'allOf'] : []),
  ])
  const kept = Object.entries(schema).filter(([key]) => !dropped.has(key))
  const result = Object.fromEntries(kept.map(([key, value]) => [key, forV2Child(key, value)]))
  return intOrString && !loose ? { ...result, type: 'string', format: 'int-or-string' } : result
}

function forV2Child(key: string, value: JsonValue): JsonValue {
  switch (key) {
    case 'properties':
      return isJsonObject(value)
        ? Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, forV2(schema)]))
        : value
    case 'items':
    case 'additionalProperties':
    case 'allOf':
      return forV2(value)
    default:
      return value
  }
}

function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
