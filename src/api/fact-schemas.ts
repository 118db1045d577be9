import type { JsonValue } from '../machinery/meta.ts'
import type { AnySchema, Field, ObjectSchema, ScalarSchema, Schema } from '../machinery/schema.ts'
import { type FactField, type FactStruct, type FactType, parseFactStruct } from './fact-table.ts'
import { factPackages, facts } from './generated/facts.ts'

/**
 * Schemas of the types in the table of facts, built on first use and shared. Names are those of the table:
 * `core.v1.PodSpec`. A schema's fields are built when they are first looked at, so types may be recursive and a
 * process pays for the types that it meets.
 */

const scalars: Readonly<Record<string, ScalarSchema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'bytes', format: 'byte' },
  quantity: { type: 'quantity' },
  intOrString: { type: 'intOrString', format: 'int-or-string' },
  time: { type: 'time', format: 'date-time' },
  microTime: { type: 'microTime', format: 'date-time' },
  duration: { type: 'duration' },
}

const anything: Readonly<Record<string, () => AnySchema>> = {
  any: once(() => ({ type: 'any' })),
  raw: once(() => ({ type: 'any', holds: 'object' })),
  fieldsV1: once(() => ({ type: 'any', holds: 'fieldsV1' })),
  json: once(() => ({ type: 'any', holds: 'json' })),
  schemaOrArray: once(() => ({ type: 'any', holds: 'schemaOrArray', schema: jsonSchemaProps() })),
  schemaOrBool: once(() => ({ type: 'any', holds: 'schemaOrBool', schema: jsonSchemaProps() })),
  schemaOrStringArray: once(() => ({ type: 'any', holds: 'schemaOrStringArray', schema: jsonSchemaProps() })),
}

function jsonSchemaProps(): ObjectSchema {
  return structSchema('apiextensions.v1.JSONSchemaProps')
}

const paragraphs = once(() => {
  const byName = new Map<string, string>()
  for (const paragraph of facts.split('\n\n')) {
    byName.set(/^\S+/.exec(paragraph)?.[0] ?? '', paragraph)
  }
  return byName
})

const schemas = new Map<string, ObjectSchema>()
const enums = new Map<string, ScalarSchema>()

/** Names of all types, in the order of the table. */
export function structNames(): string[] {
  return [...paragraphs()].filter(([, paragraph]) => !isEnum(paragraph)).map(([name]) => name)
}

/** Whether the table has this type. */
export function hasStruct(name: string): boolean {
  const paragraph = paragraphs().get(name)
  return paragraph !== undefined && !isEnum(paragraph)
}

/** Whether the type is an API object, that is, embeds TypeMeta. */
export function isKind(name: string): boolean {
  return / kind\b/.test(/^.*/.exec(paragraphs().get(name) ?? '')?.[0] ?? '')
}

/** The schema of a type of the table; `structType` overrides the type's own. */
export function structSchema(name: string, structType?: 'granular' | 'atomic'): ObjectSchema {
  const key = structType ? `${name} ${structType}` : name
  const known = schemas.get(key)
  if (known) return known
  const paragraph = paragraphs().get(name)
  if (!paragraph) throw new Error(`no facts about ${name}`)
  const struct = once(() => parseFactStruct(paragraph))
  const fields = once(() => fieldsOf(struct()))
  const required = once(() => requiredOf(struct()))
  const head = /^.*/.exec(paragraph)?.[0] ?? ''
  const discriminator = / U:(\w*)/.exec(head)?.[1]
  const atomic = structType ?? (/ S:(\w+)/.exec(head)?.[1] as 'atomic' | undefined)
  const schema: ObjectSchema = {
    type: 'object',
    name: openapiName(name),
    ...(atomic && { structType: atomic }),
    ...(discriminator !== undefined && { union: discriminator === '' ? {} : { discriminator } }),
    get fields() {
      return fields()
    },
    get required() {
      return required()
    },
  }
  schemas.set(key, schema)
  return schema
}

/** `core.v1.PodSpec` as OpenAPI names it: `io.k8s.api.core.v1.PodSpec`. */
export function openapiName(name: string): string {
  const [packageName, local] = splitName(name)
  const found = factPackages.find((candidate) => candidate.short === packageName)
  if (!found) throw new Error(`no package ${packageName} in the table of facts`)
  return `${found.openapi}.${local}`
}

/** The reverse of openapiName; undefined for what is not in the table. */
export function factName(openapi: string): string | undefined {
  const [packageName, local] = splitName(openapi)
  const found = factPackages.find((candidate) => candidate.openapi === packageName)
  const name = found && `${found.short}.${local}`
  return name && hasStruct(name) ? name : undefined
}

function splitName(name: string): readonly [packageName: string, local: string] {
  const dot = name.lastIndexOf('.')
  return [name.slice(0, dot), name.slice(dot + 1)]
}

const typeMetaFields: Readonly<Record<string, Field>> = {
  kind: { schema: scalars.string! },
  apiVersion: { schema: scalars.string! },
}

/** Where upstream's defaults and validation tell an empty list from none. */
const keepingEmpty: ReadonlySet<string> = new Set(['autoscaling.v2.HPAScalingRules.policies'])

function fieldsOf(struct: FactStruct): Readonly<Record<string, Field>> {
  const fields: Record<string, Field> = struct.kind ? { ...typeMetaFields } : {}
  const [packageName] = splitName(struct.name)
  for (const fact of struct.fields) {
    if (fact.name === '~') Object.assign(fields, inlineFields(fact, packageName))
    else fields[fact.name] = fieldOf(fact, packageName)
    if (keepingEmpty.has(`${struct.name}.${fact.name}`))
      fields[fact.name] = { ...fields[fact.name]!, keepsEmpty: true }
  }
  return fields
}

function inlineFields(fact: FactField, packageName: string): Record<string, Field> {
  const name = fact.type.form === 'name' ? fact.type.name : ''
  const embedded = structSchema(qualified(name, packageName)).fields
  return Object.fromEntries(
    Object.entries(embedded).map(([key, field]) => {
      const { number = 0, within: inner, ...rest } = field.protobuf ?? {}
      const within = { number: fact.number, name, ...(inner && { within: inner }) }
      return [key, { ...field, protobuf: { number, ...rest, within } }]
    }),
  )
}

function requiredOf(struct: FactStruct): readonly string[] {
  const [packageName] = splitName(struct.name)
  return struct.fields.flatMap((fact) => {
    if (fact.name !== '~') return fact.required ? [fact.name] : []
    const name = fact.type.form === 'name' ? fact.type.name : ''
    return structSchema(qualified(name, packageName)).required ?? []
  })
}

function fieldOf(fact: FactField, packageName: string): Field {
  const pointer = fact.type.form === 'pointer'
  const type = fact.type.form === 'pointer' ? fact.type.of : fact.type
  const schema = schemaOfFact(type, fact, packageName)
  const wrapped = type.form === 'message' || (type.form === 'map' && type.of.form === 'message')
  const goType = fact.goType ?? enumGoType(type, packageName)
  const alwaysSerialized = !fact.omitZero && (!fact.omitEmpty || (!pointer && isGoStruct(schema)))
  return {
    schema,
    ...(fact.default !== undefined && { default: JSON.parse(fact.default) as JsonValue }),
    ...(alwaysSerialized && { alwaysSerialized }),
    ...(pointer && { pointer }),
    ...(fact.patchStrategy && { patchStrategy: fact.patchStrategy }),
    ...(fact.patchMergeKey && { patchMergeKey: fact.patchMergeKey }),
    ...(fact.number && { protobuf: { number: fact.number, ...(wrapped && { wrapped }) } }),
    ...(goType && { goType }),
  }
}

/** Go's name of a type that is, or holds, a closed set of strings: `[]v1.IPFamily`. */
function enumGoType(type: FactType, packageName: string): string | undefined {
  if (type.form === 'name') {
    const name = qualified(type.name, packageName)
    return isEnum(paragraphs().get(name) ?? '') ? name.split('.').slice(-2).join('.') : undefined
  }
  const of = enumGoType(type.of, packageName)
  if (of === undefined || type.form === 'pointer') return of
  return type.form === 'map' ? `map[string]${of}` : `[]${of}`
}

/** Go's `omitempty` leaves out no struct. */
function isGoStruct(schema: Schema): boolean {
  switch (schema.type) {
    case 'object':
    case 'quantity':
    case 'intOrString':
    case 'time':
    case 'microTime':
    case 'duration':
    case 'any':
      return true
    default:
      return false
  }
}

function schemaOfFact(type: FactType, fact: FactField | undefined, packageName: string): Schema {
  switch (type.form) {
    case 'pointer':
    case 'message':
      return schemaOfFact(type.of, fact, packageName)
    case 'list':
      return {
        type: 'list',
        items: schemaOfFact(type.of, undefined, packageName),
        listType: fact?.listType ?? 'atomic',
        ...(!fact?.listType && { undeclared: true }),
        ...(fact?.mapKeys && { mapKeys: fact.mapKeys }),
      }
    case 'map':
      return {
        type: 'map',
        values: schemaOfFact(type.of, undefined, packageName),
        ...(fact?.mapType && { mapType: fact.mapType }),
      }
    case 'name':
      return schemaOfName(type.name, fact, packageName)
  }
}

function schemaOfName(name: string, fact: FactField | undefined, packageName: string): Schema {
  const word = scalars[name] ?? anything[name]?.()
  if (word) return word
  const full = qualified(name, packageName)
  return isEnum(paragraphs().get(full) ?? '')
    ? enumSchema(full)
    : structSchema(full, fact?.structType ?? fact?.mapType)
}

function enumSchema(name: string): ScalarSchema {
  const known = enums.get(name)
  if (known) return known
  const paragraph = paragraphs().get(name) ?? ''
  const values = JSON.parse(paragraph.slice(paragraph.indexOf('=') + 1)) as string[]
  const schema: ScalarSchema = { type: 'string', enum: values }
  enums.set(name, schema)
  return schema
}

function isEnum(paragraph: string): boolean {
  return /^\S+ = /.test(paragraph)
}

function qualified(name: string, packageName: string): string {
  return name.includes('.') ? name : `${packageName}.${name}`
}

function once<T>(build: () => T): () => T {
  let built: { readonly value: T } | undefined
  return () => {
    built ??= { value: build() }
    return built.value
  }
}
