import type { GroupVersionKind, JsonValue } from '../../machinery/meta.ts'
import type { AnySchema, Field, ListSchema, MapSchema, ObjectSchema, Schema } from '../../machinery/schema.ts'
import { kindOfType, schemaOfType } from '../scheme.ts'
import type { DescriptionSource, JsonObject, TypeDescriptions } from './input.ts'
import { capitalized, typeNames } from './names.ts'

export interface SchemaWriterOptions {
  readonly dialect: 'v2' | 'v3'
  readonly descriptions?: DescriptionSource
  /** Groups and versions that DeleteOptions and WatchEvent belong to. */
  readonly versions: readonly { readonly group: string; readonly version: string }[]
}

type MutableJson = { [key: string]: JsonValue }

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

/** Go types with a JSON form of their own, as definitions. `v3` where the dialects differ. */
const specialTypes: Readonly<Record<string, { readonly v2: JsonObject; readonly v3?: JsonObject }>> = {
  [`${meta}.Time`]: { v2: { type: 'string', format: 'date-time' } },
  [`${meta}.MicroTime`]: { v2: { type: 'string', format: 'date-time' } },
  [`${meta}.Duration`]: { v2: { type: 'string' } },
  [`${meta}.FieldsV1`]: { v2: { type: 'object' } },
  [`${meta}.Patch`]: { v2: { type: 'object' } },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { v2: { type: 'object' } },
  [`${extensions}.JSON`]: { v2: {} },
  [`${extensions}.JSONSchemaPropsOrArray`]: { v2: {} },
  [`${extensions}.JSONSchemaPropsOrBool`]: { v2: {} },
  [`${extensions}.JSONSchemaPropsOrStringArray`]: { v2: {} },
}

const typeOfScalar: Readonly<Partial<Record<Schema['type'], string>>> = {
  time: `${meta}.Time`,
  microTime: `${meta}.MicroTime`,
  duration: `${meta}.Duration`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
}

const typeOfAny: Readonly<Record<NonNullable<AnySchema['holds']>, string>> = {
  object: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  fieldsV1: `${meta}.FieldsV1`,
  json: `${extensions}.JSON`,
  schemaOrArray: `${extensions}.JSONSchemaPropsOrArray`,
  schemaOrBool: `${extensions}.JSONSchemaPropsOrBool`,
  schemaOrStringArray: `${extensions}.JSONSchemaPropsOrStringArray`,
}

/** Kinds that belong to every group and version. */
const everywhere = new Set<string>([typeNames.deleteOptions, typeNames.watchEvent])

/** Writes schemas as OpenAPI definitions, and keeps account of those that are referred to. */
export class SchemaWriter {
  readonly #options: SchemaWriterOptions
  readonly #prefix: string
  readonly #definitions = new Map<string, JsonObject>()
  readonly #wanted: string[] = []

  constructor(options: SchemaWriterOptions) {
    this.#options = options
    this.#prefix = options.dialect === 'v2' ? '#/definitions/' : '#/components/schemas/'
  }

  /** A reference to a built-in type or to one that was added. */
  reference(name: string): JsonObject {
    if (!this.#definitions.has(name)) this.#wanted.push(name)
    return { $ref: this.#prefix + name }
  }

  add(name: string, definition: JsonObject): void {
    this.#definitions.set(name, definition)
  }

  /** What was added, and the names that references lead to beside that: for whoever finishes several together. */
  unfinished(): {
    readonly definitions: readonly (readonly [string, JsonObject])[]
    readonly wanted: readonly string[]
  } {
    return { definitions: [...this.#definitions], wanted: [...new Set(this.#wanted)] }
  }

  /** All definitions that references lead to, by name. */
  finish(): JsonObject {
    for (let name = this.#wanted.pop(); name !== undefined; name = this.#wanted.pop()) {
      if (!this.#definitions.has(name)) this.#definitions.set(name, this.#definition(name))
    }
    return Object.fromEntries([...this.#definitions].sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  #definition(name: string): JsonObject {
    const special = specialTypes[name]
    if (special) {
      const description = this.#options.descriptions?.describe(name)?.type
      const body = (this.#options.dialect === 'v3' && special.v3) || special.v2
      return { ...(description && { description }), ...body }
    }
    const schema = schemaOfType(name)
    if (!schema) throw new Error(`OpenAPI refers to ${name}, which is not known`)
    return this.#object(schema, name)
  }

  #object(schema: ObjectSchema, name: string): JsonObject {
    const texts = this.#options.descriptions?.describe(name)
    const required = [...(schema.required ?? [])]
    const properties = Object.entries(schema.fields)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([field, definition]) => [field, this.#property(definition, texts, field)] as const)
    const kinds = this.#kindsOf(name)
    return {
      ...(texts?.type && { description: texts.type }),
      type: 'object',
      ...(required.length > 0 && { required }),
      ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(kinds.length > 0 && { 'x-kubernetes-group-version-kind': kinds.map((kind) => ({ ...kind })) }),
      ...(schema.structType && { 'x-kubernetes-map-type': schema.structType }),
      ...(schema.union && { 'x-kubernetes-unions': [unionOf(schema, schema.union)] }),
    }
  }

  #kindsOf(name: string): readonly GroupVersionKind[] {
    const own = kindOfType(name)
    if (!own) return []
    if (!everywhere.has(name)) return [own]
    const others = this.#options.versions.filter(
      ({ group, version }) => group !== own.group || version !== own.version,
    )
    return [own, ...others.map(({ group, version }) => ({ group, version, kind: own.kind }))]
  }

  #property(field: Field, texts: TypeDescriptions | undefined, name: string): JsonObject {
    const description = texts?.fields.get(name)
    const value = this.#options.dialect === 'v3' ? defaultOf(field) : undefined
    const schema = this.#schema(field.schema)
    const details: MutableJson = {
      ...(description && { description }),
      ...(value !== undefined && { default: value }),
      ...(field.patchStrategy && { 'x-kubernetes-patch-strategy': field.patchStrategy }),
      ...(field.patchMergeKey && { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
      ...(isOverride(field.schema) && { 'x-kubernetes-map-type': field.schema.structType ?? 'granular' }),
    }
    return withDetails(schema, details, this.#options.dialect)
  }

  #schema(schema: Schema): JsonObject {
    switch (schema.type) {
      case 'object':
        return this.reference(schema.name ?? '')
      case 'list':
        return this.#list(schema)
      case 'map':
        return this.#map(schema)
      case 'any':
        return schema.holds ? this.reference(typeOfAny[schema.holds]) : {}
      case 'bytes':
        return { type: 'string', format: 'byte' }
      case 'string': {
        const isClosed = schema.enum && this.#options.dialect === 'v3'
        return { type: 'string', ...(isClosed && { enum: [...schema.enum] }) }
      }
      case 'boolean':
        return { type: 'boolean' }
      case 'integer':
      case 'number':
        return { type: schema.type, ...(schema.format && { format: schema.format }) }
      default:
        return this.reference(typeOfScalar[schema.type] ?? '')
    }
  }

  #list(schema: ListSchema): JsonObject {
    return {
      type: 'array',
      items: this.#element(schema.items),
      ...(!schema.undeclared && { 'x-kubernetes-list-type': schema.listType }),
      ...(schema.mapKeys && { 'x-kubernetes-list-map-keys': [...schema.mapKeys] }),
    }
  }

  #map(schema: MapSchema): JsonObject {
    return {
      type: 'object',
      additionalProperties: this.#element(schema.values),
      ...(schema.mapType && { 'x-kubernetes-map-type': schema.mapType }),
    }
  }

  /** An item of a list or a value of a map. */
  #element(schema: Schema): JsonObject {
    const value = this.#options.dialect === 'v3' ? zeroOf(schema) : undefined
    return withDetails(
      this.#schema(schema),
      value === undefined ? {} : { default: value },
      this.#options.dialect,
    )
  }
}

function unionOf(
  { fields }: ObjectSchema,
  { discriminator }: NonNullable<ObjectSchema['union']>,
): JsonObject {
  const members = Object.keys(fields).filter((name) => name !== discriminator)
  return {
    ...(discriminator && { discriminator }),
    'fields-to-discriminateBy': Object.fromEntries(members.map((name) => [name, capitalized(name)])),
  }
}

/** In OpenAPI 3.0 nothing may stand beside a reference. */
function withDetails(schema: JsonObject, details: JsonObject, dialect: 'v2' | 'v3'): JsonObject {
  if (Object.keys(details).length === 0) return schema
  if (dialect === 'v3' && '$ref' in schema) return { allOf: [schema], ...details }
  return { ...schema, ...details }
}

/** Whether a field says for itself how its struct is owned. */
function isOverride(schema: Schema): schema is ObjectSchema {
  if (schema.type !== 'object' || !schema.structType) return false
  return schemaOfType(schema.name ?? '')?.structType !== schema.structType
}

/** The constant default, or the value that Go serialises when nobody sets the field. */
function defaultOf(field: Field): JsonValue | undefined {
  if (field.default !== undefined) return field.default
  if (field.pointer || !field.alwaysSerialized) return undefined
  return zeroOf(field.schema)
}

function zeroOf(schema: Schema): JsonValue | undefined {
  switch (schema.type) {
    case 'object':
      return {}
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'integer':
    case 'number':
      return 0
    default:
      return undefined
  }
}
