import { CelError } from './error.ts'
import {
  anyType,
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  optionalType,
  stringType,
  structType,
  timestampType,
  type CelType,
} from './types.ts'
import { wrapDynamic } from './values/dynamic.ts'
import { JsonList } from './values/list.ts'
import { JsonMap, JsonObject } from './values/map.ts'
import { CelOptional, noValue } from './values/optional.ts'
import { bytesOf, integerOf } from './values/scalars.ts'
import { durationOf, timestampOf } from './values/time-text.ts'
import type { CelValue } from './values/value.ts'

/**
 * What a variable, a field or an item is: its type for the checker, how its JSON becomes a value, and the bounds from
 * which cost is estimated. Immutable; one declaration may stand in many places.
 */
export interface CelDeclaration {
  readonly type: CelType
  /** Wraps JSON. Throws a CelError when the JSON is of another shape. */
  readonly wrap: (raw: unknown) => CelValue
  /** Most bytes, characters, items or entries; undefined when nothing is known. */
  readonly maxElements?: number | undefined
  /** The fewest bytes that a value takes in JSON. */
  readonly minSerializedSize: number
  /** Of lists and maps. */
  readonly element?: CelDeclaration
  /** Of maps whose keys are bounded. */
  readonly key?: CelDeclaration
  /** Of objects, by escaped name; of maps whose entries have bounds where they are selected like fields, too. */
  readonly field?: (name: string) => CelDeclaration | undefined
}

/** A field of `objectDeclaration`; `jsonName` where the name in JSON is another one than CEL's. */
export interface CelField {
  readonly declaration: CelDeclaration
  readonly jsonName?: string
}

/** Anything: JSON as it is. Integral numbers are ints. */
export const dynDeclaration: CelDeclaration = { type: dynType, wrap: wrapDynamic, minSerializedSize: 1 }
export const anyDeclaration: CelDeclaration = { type: anyType, wrap: wrapDynamic, minSerializedSize: 1 }
export const boolDeclaration: CelDeclaration = scalar(boolType, 4, 'bool', (raw) =>
  typeof raw === 'boolean' ? raw : undefined,
)
export const intDeclaration: CelDeclaration = scalar(intType, 1, 'int', integerOf)
export const doubleDeclaration: CelDeclaration = scalar(doubleType, 1, 'float', (raw) =>
  typeof raw === 'number' || typeof raw === 'bigint' ? Number(raw) : undefined,
)
export const stringDeclaration: CelDeclaration = scalar(stringType, 2, 'string', (raw) =>
  typeof raw === 'string' ? raw : undefined,
)
/** In JSON as base64. */
export const bytesDeclaration: CelDeclaration = scalar(bytesType, 2, 'string', bytesOf)
/** In JSON as RFC 3339. */
export const timestampDeclaration: CelDeclaration = scalar(timestampType, 12, 'string', timestampOf)
/** In JSON as Go writes it, `1h30m`. */
export const durationDeclaration: CelDeclaration = scalar(durationType, 3, 'string', durationOf)

function scalar(
  type: CelType,
  minSerializedSize: number,
  expected: string,
  convert: (raw: unknown) => CelValue | undefined,
): CelDeclaration {
  return {
    type,
    minSerializedSize,
    maxElements: 0,
    wrap: (raw) => {
      const value = convert(raw)
      if (value === undefined)
        throw new CelError(`invalid data, expected ${expected}, got ${goTypeName(raw)}`)
      return value
    },
  }
}

/** The same with bounds. */
export function bounded(
  declaration: CelDeclaration,
  bounds: { readonly maxElements?: number; readonly minSerializedSize?: number },
): CelDeclaration {
  return { ...declaration, ...bounds }
}

/** Null is a value too. */
export function nullableDeclaration(declaration: CelDeclaration): CelDeclaration {
  return { ...declaration, wrap: (raw) => (raw === null ? null : declaration.wrap(raw)) }
}

/** `optional_type(of)`: an undefined variable is none. */
export function optionalDeclaration(of: CelDeclaration): CelDeclaration {
  return {
    ...of,
    type: optionalType(of.type),
    wrap: (raw) => (raw === undefined ? noValue : new CelOptional(of.wrap(raw))),
  }
}

export function listDeclaration(element: CelDeclaration, maxItems?: number): CelDeclaration {
  return {
    type: listType(element.type),
    element,
    minSerializedSize: 2,
    maxElements: maxItems,
    wrap: (raw) => new JsonList(expectArray(raw), element.wrap),
  }
}

/** String keys. */
export function mapDeclaration(element: CelDeclaration, maxProperties?: number): CelDeclaration {
  return {
    type: mapType(stringType, element.type),
    element,
    minSerializedSize: 2,
    maxElements: maxProperties,
    wrap: (raw) => new JsonMap(expectObject(raw), element.wrap),
  }
}

/** An object with these fields and a type name of its own. Fields are known by their escaped names. */
export function objectDeclaration(
  name: string,
  fields: Readonly<Record<string, CelField | CelDeclaration>>,
  bounds: { readonly minSerializedSize?: number } = {},
): CelDeclaration {
  const byName = new Map(
    Object.entries(fields).map(([name, field]) => [
      name,
      'declaration' in field ? field : { declaration: field },
    ]),
  )
  const access = new Map(
    [...byName].map(([name, { declaration, jsonName = name }]) => [
      name,
      { jsonName, wrap: declaration.wrap },
    ]),
  )
  const accessOf = (name: string) => access.get(name)
  const names = () => access.keys()
  return {
    type: structType(name, (field) => byName.get(field)?.declaration.type),
    minSerializedSize: bounds.minSerializedSize ?? 2,
    maxElements: 0,
    field: (field) => byName.get(field)?.declaration,
    wrap: (raw) => new JsonObject(expectObject(raw), accessOf, names),
  }
}

/** For values that a caller or a library makes: passed as they are. */
export function valueDeclaration(type: CelType): CelDeclaration {
  return { type, wrap: (value) => value as CelValue, minSerializedSize: 1, maxElements: 0 }
}

export function expectArray(raw: unknown): readonly unknown[] {
  if (!Array.isArray(raw)) {
    throw new CelError('invalid data, expected an array for the provided schema with type=array')
  }
  return raw
}

export function expectObject(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new CelError('invalid data, expected a map for the provided schema with type=object')
  }
  return raw as Readonly<Record<string, unknown>>
}

/** As upstream's messages name what JSON decodes to. */
export function goTypeName(raw: unknown): string {
  if (raw === null || raw === undefined) return '<nil>'
  if (Array.isArray(raw)) return '[]interface {}'
  switch (typeof raw) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int64'
    case 'number':
      return Number.isInteger(raw) ? 'int64' : 'float64'
    default:
      return 'map[string]interface {}'
  }
}
