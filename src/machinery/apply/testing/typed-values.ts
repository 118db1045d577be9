import * as fc from 'fast-check'
import type { JsonValue } from '../../meta.ts'
import type { Field, ListSchema, ObjectSchema, ScalarSchema, Schema } from '../../schema.ts'

/**
 * Types, and values of them, for properties of apply: few names and few values, so that managers meet in the same
 * fields and items often.
 */

const scalars: readonly ScalarSchema[] = [{ type: 'string' }, { type: 'integer' }, { type: 'boolean' }]

const setList: fc.Arbitrary<Schema> = fc
  .constantFrom(...scalars)
  .map((items): ListSchema => ({ type: 'list', items, listType: 'set' }))

/** A struct of up to five fields of any shape, three levels deep; no field is always serialised. */
export const objectSchemas: fc.Arbitrary<ObjectSchema> = structOf(schemasOf(2, true), 2, 5, true)

/** As objectSchemas, where no value can be of one type now and of another then. */
export const closedObjectSchemas: fc.Arbitrary<ObjectSchema> = structOf(schemasOf(2, false), 2, 5, false)

function schemasOf(levels: number, isOpen: boolean): fc.Arbitrary<Schema> {
  const scalar = fc.constantFrom<Schema>(...scalars)
  if (levels === 0) return scalar
  const below = schemasOf(levels - 1, isOpen)
  return fc.oneof(
    { weight: 3, arbitrary: scalar },
    { weight: 3, arbitrary: structOf(below, 1, 3, isOpen) },
    { weight: 2, arbitrary: mapOf(below) },
    { weight: 2, arbitrary: atomicListOf(below) },
    { weight: 2, arbitrary: setList },
    { weight: 4, arbitrary: keyedListOf(below, isOpen) },
    { weight: isOpen ? 1 : 0, arbitrary: fc.constant<Schema>({ type: 'any' }) },
  )
}

function structOf(
  below: fc.Arbitrary<Schema>,
  least: number,
  most: number,
  isOpen: boolean,
): fc.Arbitrary<ObjectSchema> {
  return fc
    .record({
      fields: fc.array(below, { minLength: least, maxLength: most }),
      isAtomic: fc.integer({ min: 0, max: 5 }).map((n) => n === 0 && most < 5),
      preserveUnknown: fc.integer({ min: 0, max: 7 }).map((n) => n === 0 && isOpen),
    })
    .map(({ fields, isAtomic, preserveUnknown }) => ({
      type: 'object',
      fields: Object.fromEntries(fields.map((schema, index): [string, Field] => [`f${index}`, { schema }])),
      ...(isAtomic && { structType: 'atomic' as const }),
      ...(preserveUnknown && { preserveUnknown }),
    }))
}

function mapOf(below: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> {
  return fc.record({
    type: fc.constant('map'),
    values: below,
    mapType: fc.constantFrom('granular', 'granular', 'atomic'),
  })
}

function atomicListOf(below: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> {
  return fc.record({ type: fc.constant('list'), items: below, listType: fc.constant('atomic') })
}

function keyedListOf(below: fc.Arbitrary<Schema>, isOpen: boolean): fc.Arbitrary<Schema> {
  return fc
    .record({ item: structOf(below, 1, 2, isOpen), hasSecondKey: fc.boolean(), hasDefault: fc.boolean() })
    .map(({ item, hasSecondKey, hasDefault }): ListSchema => {
      const { structType: _, ...granular } = item
      const name: Field = { schema: { type: 'string' } }
      const port: Field = { schema: { type: 'integer' }, ...(hasDefault && { default: 1 }) }
      const keys = hasSecondKey ? { name, port } : { name }
      return {
        type: 'list',
        listType: 'map',
        mapKeys: Object.keys(keys),
        items: { ...granular, fields: { ...keys, ...item.fields } },
      }
    })
}

export interface ValueOptions {
  /** Lists may have an item twice. Default false. */
  readonly duplicates?: boolean
  /** Values may be null, and objects and lists empty. Default false. */
  readonly empties?: boolean
}

/** A value that fits the schema. */
export function valuesOf(schema: Schema, options: ValueOptions = {}): fc.Arbitrary<JsonValue> {
  const values = nonNullValuesOf(schema, options)
  return options.empties
    ? fc.oneof({ weight: 12, arbitrary: values }, { weight: 1, arbitrary: fc.constant(null) })
    : values
}

function nonNullValuesOf(schema: Schema, options: ValueOptions): fc.Arbitrary<JsonValue> {
  const minLength = options.empties ? 0 : 1
  switch (schema.type) {
    case 'object':
      return fieldsOf(schema, options)
        .filter((object) => options.empties === true || Object.keys(object).length > 0)
        .map((object) => object as JsonValue)
    case 'map':
      return fc.dictionary(fc.constantFrom('a', 'b', 'c'), valuesOf(schema.values, options), {
        minKeys: minLength,
        maxKeys: 3,
      })
    case 'list':
      return listsOf(schema, options, minLength)
    case 'integer':
      return fc.integer({ min: 0, max: 2 })
    case 'boolean':
      return fc.boolean()
    case 'any':
      return anything
    default:
      return fc.constantFrom('a', 'b', 'c')
  }
}

const anything: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue>('a', 1, true),
  fc.array(fc.constantFrom<JsonValue>('a', 'b'), { minLength: 1, maxLength: 2 }),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom<JsonValue>('a', 1), { minKeys: 1, maxKeys: 2 }),
)

function fieldsOf(
  schema: ObjectSchema,
  options: ValueOptions,
): fc.Arbitrary<Partial<Record<string, JsonValue>>> {
  const names = Object.keys(schema.fields)
  const members = Object.fromEntries(
    names.map((name) => [name, valuesOf(schema.fields[name]!.schema, options)]),
  )
  const unknown: Record<string, fc.Arbitrary<JsonValue>> = schema.preserveUnknown ? { u: anything } : {}
  return fc.record({ ...members, ...unknown }, { requiredKeys: [] })
}

function listsOf(schema: ListSchema, options: ValueOptions, minLength: number): fc.Arbitrary<JsonValue> {
  const items =
    schema.listType === 'map' ? keyedItemsOf(schema, options) : nonNullValuesOf(schema.items, options)
  const length = { minLength, maxLength: 3 }
  if (schema.listType === 'atomic' || options.duplicates) return fc.array(items, length)
  return fc.uniqueArray(items, { ...length, selector: (item) => placeOf(item, schema) })
}

function keyedItemsOf(schema: ListSchema, options: ValueOptions): fc.Arbitrary<JsonValue> {
  const items = schema.items as ObjectSchema
  const required = { name: fc.constantFrom('a', 'b', 'c') }
  const withDefault = schema.mapKeys?.includes('port') && items.fields['port']?.default === undefined
  const keys = { ...required, ...(withDefault && { port: fc.integer({ min: 0, max: 1 }) }) }
  const { name: _, ...others } = items.fields
  const rest = fieldsOf({ ...items, fields: others }, options)
  return fc.tuple(rest, fc.record(keys)).map(([{ port, ...fields }, own]) => ({
    ...fields,
    // A key that is null is no key.
    ...(port !== undefined && port !== null && { port }),
    ...own,
  }))
}

function placeOf(item: JsonValue, schema: ListSchema): string {
  if (schema.listType !== 'map') return JSON.stringify(item)
  const { name, port } = item as { readonly name?: JsonValue; readonly port?: JsonValue }
  return JSON.stringify(schema.mapKeys?.includes('port') ? [name, port ?? 1] : [name])
}
