import type { JsonValue } from '../machinery/meta.ts'
import { writableCopy } from '../machinery/copy.ts'
import type { Field, ObjectSchema, Schema } from '../machinery/schema.ts'

/**
 * Sets the constant defaults of a schema in a fresh object that nobody else holds: a field that is absent gets its
 * default, at any depth that the object has. In custom resources a null counts as absent where the field has a default
 * and is not nullable. Idempotent. Computed defaults are code, one per kind.
 */
export function applyDefaults(object: object, schema: ObjectSchema): void {
  defaultsOf(schema)?.apply(object)
}

interface Defaulter {
  apply(value: unknown): void
}

/** Defaulters by schema; undefined for schemas in which nothing has a default. */
const defaulters = new WeakMap<Schema, Defaulter | undefined>()

function defaultsOf(schema: Schema): Defaulter | undefined {
  if (!defaulters.has(schema)) {
    defaulters.set(schema, hasDefaults(schema, new Set()) ? defaulterOf(schema) : undefined)
  }
  return defaulters.get(schema)
}

function hasDefaults(schema: Schema, seen: Set<Schema>): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  switch (schema.type) {
    case 'object':
      return Object.values(schema.fields).some(
        (field) => isEffective(field) || hasDefaults(field.schema, seen),
      )
    case 'list':
      return hasDefaults(schema.items, seen)
    case 'map':
      return hasDefaults(schema.values, seen)
    default:
      return false
  }
}

/** Go cannot tell a zero default from no default where the zero value is left out. */
function isEffective(field: Field): boolean {
  if (field.default === undefined) return false
  const isBuiltIn = field.protobuf !== undefined
  const isZero = field.default === '' || field.default === 0 || field.default === false
  return !(isBuiltIn && isZero && !field.pointer)
}

function defaulterOf(schema: Schema): Defaulter {
  switch (schema.type) {
    case 'object':
      return new ObjectDefaulter(schema)
    case 'list':
      return new ItemsDefaulter(schema.items)
    case 'map':
      return new ItemsDefaulter(schema.values)
    default:
      throw new Error(`a schema of type ${schema.type} holds no defaults`)
  }
}

class ObjectDefaulter implements Defaulter {
  readonly #schema: ObjectSchema
  #fields: readonly (readonly [string, Field])[] | undefined

  constructor(schema: ObjectSchema) {
    this.#schema = schema
  }

  apply(value: unknown): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    const object = value as Record<string, JsonValue | undefined>
    this.#fields ??= Object.entries(this.#schema.fields).filter(
      ([, field]) => isEffective(field) || defaultsOf(field.schema),
    )
    for (const [name, field] of this.#fields) {
      if (isEffective(field) && isAbsent(object, name, field)) {
        object[name] = writableCopy(field.default as JsonValue) as JsonValue
      }
      if (Object.hasOwn(object, name)) defaultsOf(field.schema)?.apply(object[name])
    }
  }
}

function isAbsent(object: Readonly<Record<string, unknown>>, name: string, field: Field): boolean {
  return !Object.hasOwn(object, name) || (object[name] === null && !field.nullable)
}

class ItemsDefaulter implements Defaulter {
  readonly #items: Schema

  constructor(items: Schema) {
    this.#items = items
  }

  apply(value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    const defaulter = defaultsOf(this.#items)
    for (const item of Object.values(value)) defaulter?.apply(item)
  }
}
