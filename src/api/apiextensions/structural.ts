import {
  forbidden,
  invalid,
  path,
  required,
  fieldErrorText,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { hasDefault } from './compile-schema.ts'
import { goPattern } from './go-pattern.ts'
import { entrySchema, itemSchema } from './schema-walk.ts'

/*
 * What makes a schema structural: all types are said once, outside of anyOf, allOf, oneOf and not, which only narrow
 * values. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go, complete.go.
 */

type Level = 'root' | 'item' | 'field'

const schemaRoot = path('schema')

/** Whether custom resources can be pruned and defaulted by the schema. */
export function isStructural(schema: JSONSchemaProps): boolean {
  return unsupportedField(schema) === undefined && structuralErrors(schema, schemaRoot).length === 0
}

/** Faults that keep a schema from being structural, in order of their text. */
export function structuralErrors(schema: JSONSchemaProps, at: FieldPath): readonly FieldError[] {
  const errors = [...invariantErrors(schema, 'root', at), ...completenessErrors(schema, at)]
  return errors
    .map((error) => ({ error, text: fieldErrorText(error) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ error }) => error)
}

/** Why the schema has no structural form at all; undefined when it has one. */
export function unsupportedField(schema: JSONSchemaProps): string | undefined {
  if (schema.id) return "OpenAPIV3Schema 'id' is not supported"
  if (schema.$schema) return "OpenAPIV3Schema 'schema' is not supported"
  if (schema.$ref) return "OpenAPIV3Schema '$ref' is not supported"
  if (schema.patternProperties) return "OpenAPIV3Schema 'patternProperties' is not supported"
  if (schema.dependencies) return "OpenAPIV3Schema 'dependencies' is not supported"
  if (schema.additionalItems !== undefined) return "OpenAPIV3Schema 'additionalItems' is not supported"
  if (schema.definitions) return "OpenAPIV3Schema 'definitions' is not supported"
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
  }
  if (Array.isArray(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array"
  const { allOf = [], anyOf = [], oneOf = [], not, properties = {} } = schema
  const items = itemSchema(schema)
  const entries = entrySchema(schema)
  for (const inner of [
    ...(not ? [not] : []),
    ...allOf,
    ...anyOf,
    ...oneOf,
    ...(items ? [items] : []),
    ...Object.values(properties),
    ...(entries ? [entries] : []),
  ]) {
    const reason = unsupportedField(inner)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** The two ways of writing that an int-or-string is one of the two. */
const intOrStringAnyOf = [{ type: 'integer' }, { type: 'string' }]

export function isIntOrStringAnyOf(schema: JSONSchemaProps): boolean {
  return schema.anyOf?.length === 2 && jsonEqual(schema.anyOf, intOrStringAnyOf)
}

export function isIntOrStringAllOf(schema: JSONSchemaProps): boolean {
  const first = schema.allOf?.[0]
  return first?.anyOf?.length === 2 && jsonEqual(first.anyOf, intOrStringAnyOf)
}

function invariantErrors(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const items = itemSchema(schema)
  const entries = entrySchema(schema)
  const { properties = {}, additionalProperties } = schema
  if (schema.type === 'array' && !items) errors.push(required(at.child('items'), 'must be specified'))
  if (items) errors.push(...invariantErrors(items, 'item', at.child('items')))
  for (const [name, property] of Object.entries(properties)) {
    errors.push(...invariantErrors(property, 'field', at.child('properties').key(name)))
  }
  if (additionalProperties !== undefined) {
    const field = at.child('additionalProperties')
    if (level === 'root') errors.push(forbidden(field, 'must not be used at the root'))
    if (entries) errors.push(...invariantErrors(entries, 'field', field))
  }
  errors.push(...extensionErrors(schema, at))
  errors.push(...valueErrors(schema, isIntOrStringAnyOf(schema), isIntOrStringAllOf(schema), level, at))
  errors.push(...typeErrors(schema, level, at))
  errors.push(...metaErrors(schema, level, at))
  return errors
}

function extensionErrors(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return []
  const detail = 'must be false if x-kubernetes-int-or-string is true'
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((extension) => schema[extension])
    .map((extension) => invalid(at.child(extension), true, detail))
}

function typeErrors(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const { type = '' } = schema
  const errors: FieldError[] = []
  const field = at.child('type')
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  if (isEmbedded && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true'
    errors.push(type === '' ? required(field, detail) : invalid(field, type, detail))
  } else if (
    type === '' &&
    !schema['x-kubernetes-int-or-string'] &&
    !schema['x-kubernetes-preserve-unknown-fields']
  ) {
    const details = {
      root: 'must not be empty at the root',
      item: 'must not be empty for specified array items',
      field: 'must not be empty for specified object fields',
    }
    errors.push(required(field, details[level]))
  }
  if (isEmbedded && schema.additionalProperties !== undefined) {
    const detail = 'must not be used if x-kubernetes-embedded-resource is set'
    errors.push(forbidden(at.child('additionalProperties'), detail))
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(invalid(field, type, 'must be object at the root'))
  }
  return errors
}

/** Of kind, apiVersion and metadata nothing may be said but what they are, and names. */
function metaErrors(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const { properties = {} } = schema
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  const checksMeta = level === 'root' || isEmbedded
  const errors: FieldError[] = []
  const field = (name: string) => at.child('properties').key(name)
  for (const name of ['kind', 'apiVersion'] as const) {
    const property = properties[name]
    if (property && checksMeta && property.type !== 'string') {
      errors.push(invalid(field(name).child('type'), property.type ?? '', 'must be string'))
    }
  }
  const { metadata } = properties
  if (metadata) {
    if (checksMeta && metadata.type !== 'object') {
      errors.push(invalid(field('metadata').child('type'), metadata.type ?? '', 'must be object'))
    }
    if (level === 'root' && !restrictsNamesOnly(metadata)) {
      const detail =
        'must not specify anything other than name and generateName, but metadata is implicitly specified'
      errors.push(forbidden(field('metadata'), detail))
    }
  }
  if (isEmbedded && !schema['x-kubernetes-preserve-unknown-fields'] && Object.keys(properties).length === 0) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'
    errors.push(required(at.child('properties'), detail))
  }
  return errors
}

function restrictsNamesOnly(metadata: JSONSchemaProps): boolean {
  const { properties = {}, type: _type, default: _default, ...rest } = metadata
  const named = Object.keys(properties).every((name) => name === 'name' || name === 'generateName')
  return named && Object.keys(rest).length === 0
}

function valueErrors(
  schema: JSONSchemaProps,
  skipsAnyOf: boolean,
  skipsFirstAllOf: boolean,
  level: Level,
  at: FieldPath,
): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema
  const errors: FieldError[] = []
  if (!skipsAnyOf) {
    anyOf.forEach((inner, index) =>
      errors.push(...nestedErrors(inner, false, level, at.child('anyOf').index(index))),
    )
  }
  allOf.forEach((inner, index) => {
    errors.push(...nestedErrors(inner, skipsFirstAllOf && index === 0, level, at.child('allOf').index(index)))
  })
  oneOf.forEach((inner, index) =>
    errors.push(...nestedErrors(inner, false, level, at.child('oneOf').index(index))),
  )
  if (not) errors.push(...nestedErrors(not, false, level, at.child('not')))
  if (pattern) {
    const compiled = goPattern(pattern)
    if (compiled instanceof Error) {
      const detail = `must be a valid regular expression, but isn't: ${compiled.message}`
      errors.push(invalid(at.child('pattern'), pattern, detail))
    }
  }
  return errors
}

const mustBeUndefined: readonly (readonly [keyof JSONSchemaProps, string])[] = [
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
]

/** What stands below anyOf, allOf, oneOf or not. */
function nestedErrors(
  schema: JSONSchemaProps,
  skipsAnyOf: boolean,
  level: Level,
  at: FieldPath,
): FieldError[] {
  const errors = valueErrors(schema, skipsAnyOf, false, level, at)
  const items = itemSchema(schema)
  if (items) errors.push(...nestedErrors(items, false, level, at.child('items')))
  const { properties = {}, additionalProperties } = schema
  for (const [name, property] of Object.entries(properties)) {
    errors.push(...nestedErrors(property, false, 'field', at.child('properties').key(name)))
  }
  const forbid = (name: string, detail: string) => errors.push(forbidden(at.child(name), detail))
  if (schema.type) forbid('type', 'must be empty to be structural')
  if (additionalProperties !== undefined && additionalProperties !== false) {
    forbid('additionalProperties', 'must be undefined to be structural')
  }
  if (hasDefault(schema)) forbid('default', 'must be undefined to be structural')
  if (schema.title) forbid('title', 'must be empty to be structural')
  if (schema.description) forbid('description', 'must be empty to be structural')
  if (schema.nullable) forbid('nullable', 'must be false to be structural')
  for (const [name, detail] of mustBeUndefined) {
    const value = schema[name]
    if (Array.isArray(value) ? value.length > 0 : value) forbid(name, detail)
  }
  if (Object.hasOwn(properties, 'metadata')) {
    errors.push(
      forbidden(at.child('properties').key('metadata'), 'must not be specified in a nested context'),
    )
  }
  return errors
}

/** What anyOf and its like at the root speak of must have been said outside of them. */
function completenessErrors(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  return junctorsOf(schema, at).flatMap(([inner, field]) => skeletonErrors(schema, inner, at, field))
}

function junctorsOf(schema: JSONSchemaProps, at: FieldPath): (readonly [JSONSchemaProps, FieldPath])[] {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema
  return [
    ...(not ? [[not, at.child('not')] as const] : []),
    ...allOf.map((inner, index) => [inner, at.child('allOf').index(index)] as const),
    ...anyOf.map((inner, index) => [inner, at.child('anyOf').index(index)] as const),
    ...oneOf.map((inner, index) => [inner, at.child('oneOf').index(index)] as const),
  ]
}

function skeletonErrors(
  schema: JSONSchemaProps | undefined,
  nested: JSONSchemaProps,
  at: FieldPath,
  nestedAt: FieldPath,
): FieldError[] {
  if (!schema) return [required(at, `because it is defined in ${nestedAt.toString()}`)]
  const items = itemSchema(nested)
  return [
    ...junctorsOf(nested, nestedAt).flatMap(([inner, field]) => skeletonErrors(schema, inner, at, field)),
    ...(items ? skeletonErrors(itemSchema(schema), items, at.child('items'), nestedAt.child('items')) : []),
    ...Object.entries(nested.properties ?? {}).flatMap(([name, inner]) => {
      const field = (path: FieldPath) => path.child('properties').key(name)
      return skeletonErrors(schema.properties?.[name], inner, field(at), field(nestedAt))
    }),
  ]
}
