import {
  invalid,
  notSupported,
  required,
  tooMany,
  tooLong,
  typeInvalid,
  type FieldError,
} from '../../machinery/field-error.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { goFloat, goJson, goQuote } from '../../machinery/go-format.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import type { Correlation } from './correlation.ts'
import { hasFormat, isKnownFormat } from './formats.ts'
import { goPattern } from './go-pattern.ts'
import { entrySchema, isObject, itemSchema, type JsonObject } from './schema-walk.ts'

/*
 * Values of custom resources against their schemas, in the words of upstream's validator, which are its own beside
 * those of the other field errors: `spec.x in body must be of type integer: "string"`.
 * Source: k8s.io/kube-openapi/pkg/validation/validate, and apiextensions-apiserver/pkg/apiserver/validation.
 */

export interface ValueValidationOptions {
  /** Where the value stands, in front of the paths in the errors: `status`. */
  readonly at?: string
  /** What the value replaces: faults in what is the same as before are let through. */
  readonly correlation?: Correlation | undefined
}

/** All faults of a value. */
export function validateValue(
  value: unknown,
  schema: JSONSchemaProps,
  { at = '', correlation }: ValueValidationOptions = {},
): readonly FieldError[] {
  const result = validate({ schema, path: '', correlation, ratchets: correlation !== undefined }, value)
  return result.faults.map(({ path, error }) => error(fieldAt(at, path)))
}

function fieldAt(prefix: string, path: string): string | undefined {
  const relative = path.replace(/^\./, '')
  if (prefix === '') return relative === '' ? undefined : relative
  return relative === '' ? prefix : `${prefix}.${relative}`
}

/** A fault at a path; its text is made when it is known which prefix the path has. */
interface Fault {
  readonly path: string
  /** Tells faults apart: upstream reports the same one once. */
  readonly text: string
  error(field: string | undefined): FieldError
}

interface Result {
  readonly faults: Fault[]
  /** How many checks there were: of alternatives that all fail, the one that fits best is explained. */
  matches: number
}

interface Node {
  readonly schema: JSONSchemaProps
  readonly path: string
  readonly correlation: Correlation | undefined
  /** Whether faults of this very value are let through when it is unchanged; else only those of what it holds. */
  readonly ratchets: boolean
}

function noFaults(): Result {
  return { faults: [], matches: 0 }
}

function merge(into: Result, other: Result): void {
  for (const fault of other.faults) add(into, fault)
  into.matches += other.matches
}

function add(result: Result, fault: Fault): void {
  if (!result.faults.some(({ text }) => text === fault.text)) result.faults.push(fault)
}

function validate(node: Node, value: unknown): Result {
  const result = noFaults()
  merge(result, typeFaults(node, value))
  if (value === null) {
    merge(result, enumFaults(node, value))
  } else {
    result.matches++
    for (const check of checksOf(value)) {
      merge(result, check(node, value))
      result.matches++
    }
    result.matches++
  }
  if (result.faults.length > 0 && node.ratchets && node.correlation?.isUnchanged) {
    return { faults: [], matches: result.matches }
  }
  return result
}

type Check = (node: Node, value: never) => Result

/** What is checked of a value of each type, in upstream's order. */
function checksOf(value: unknown): readonly ((node: Node, value: unknown) => Result)[] {
  if (typeof value === 'string') return stringChecks
  if (typeof value === 'number' || typeof value === 'bigint') return numberChecks
  if (Array.isArray(value)) return listChecks
  return isObject(value) ? objectChecks : otherChecks
}

const stringChecks = [
  junctorFaults,
  stringFaults,
  formatFaults,
  enumFaults,
] as readonly Check[] as readonly ((node: Node, value: unknown) => Result)[]
const numberChecks = [junctorFaults, numberFaults, enumFaults] as readonly Check[] as typeof stringChecks
const listChecks = [junctorFaults, listFaults, enumFaults] as readonly Check[] as typeof stringChecks
const objectChecks = [junctorFaults, enumFaults, objectFaults] as readonly Check[] as typeof stringChecks
const otherChecks = [junctorFaults, enumFaults] as readonly Check[] as typeof stringChecks

/** The types that a value may have, as the schema says them. */
function typesOf(schema: JSONSchemaProps): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string']
  return schema.type ? [schema.type] : []
}

/** The format, unless it is one that means nothing. */
function formatOf(schema: JSONSchemaProps): string {
  const types = typesOf(schema)
  const { format = '' } = schema
  return format !== '' && isKnownFormat(format, types.length === 1 ? types[0]! : '') ? format : ''
}

function jsonType(value: unknown): string {
  if (typeof value === 'bigint') return 'integer'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  if (Array.isArray(value)) return 'array'
  return typeof value
}

function typeFaults({ schema, path }: Node, value: unknown): Result {
  const result = { faults: [], matches: 1 } as Result
  const types = typesOf(schema)
  const format = formatOf(schema)
  if (types.length === 0 && format === '') return result
  if (value === null) {
    if (types.length > 0 && !schema.nullable) add(result, typeFault(path, types.join(','), 'null'))
    return result
  }
  const type = jsonType(value)
  const fits = types.includes(type) || (type === 'integer' && types.includes('number'))
  if (type !== 'string' && type !== 'array' && format !== '' && !fits) {
    add(result, typeFault(path, format, ''))
    return result
  }
  const isNumeric = types.includes('number') || types.includes('integer')
  if (!isNumeric && format !== '' && (type === 'string' || type === 'array')) return result
  if (!fits) add(result, typeFault(path, types.join(','), type))
  return result
}

/** `found` is the type of the value, or the value itself. */
function typeFault(path: string, expected: string, found: string): Fault {
  return fault(path, `${path} in body must be of type ${expected}: ${goQuote(found)}`, (field, text) =>
    typeInvalid(field, found, text),
  )
}

function fault(
  path: string,
  text: string,
  error: (field: string | undefined, text: string) => FieldError,
): Fault {
  return { path, text, error: (field) => error(field, text) }
}

function invalidFault(path: string, value: unknown, text: string): Fault {
  return fault(path, text, (field) => invalid(field, value, text))
}

/** A fault of the whole, told without a path. */
function wholeFault(text: string): Fault {
  return fault('', text, (field) => invalid(field, '', text))
}

function junctorFaults(node: Node, value: unknown): Result {
  const { schema, path } = node
  const { allOf = [], anyOf = [], oneOf = [], not } = schema
  const result = noFaults()
  const within = (alternative: JSONSchemaProps) =>
    validate({ ...node, schema: alternative, ratchets: false }, value)
  if (anyOf.length > 0) {
    const tried: Result[] = []
    const success = anyOf.find((alternative) => {
      const outcome = within(alternative)
      tried.push(outcome)
      return outcome.faults.length === 0
    })
    if (!success) add(result, wholeFault(`${goQuote(path)} must validate at least one schema (anyOf)`))
    merge(result, success ? tried.at(-1)! : bestOf(tried))
  }
  if (oneOf.length > 0) {
    const tried = oneOf.map(within)
    const valid = tried.filter(({ faults }) => faults.length === 0)
    if (valid.length === 1) merge(result, valid[0]!)
    else {
      const found = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`
      add(result, wholeFault(`${goQuote(path)} must validate one and only one schema (oneOf). ${found}`))
      if (valid.length === 0) merge(result, bestOf(tried))
    }
  }
  if (allOf.length > 0) {
    const tried = allOf.map(within)
    for (const outcome of tried) merge(result, outcome)
    const valid = tried.filter(({ faults }) => faults.length === 0).length
    if (valid < tried.length) {
      const none = valid === 0 ? '. None validated' : ''
      add(result, wholeFault(`${goQuote(path)} must validate all the schemas (allOf)${none}`))
    }
  }
  if (not && within(not).faults.length === 0) {
    add(result, wholeFault(`${goQuote(path)} must not validate the schema (not)`))
  }
  result.matches++
  return result
}

/** The first of those with the most checks. */
function bestOf(results: readonly Result[]): Result {
  return results.reduce((best, result) => (result.matches > best.matches ? result : best))
}

function stringFaults({ schema, path }: Node, value: string): Result {
  const result = noFaults()
  const { maxLength, minLength, pattern } = schema
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(value).length
  if (maxLength !== undefined && length > maxLength) {
    const text = `${path} in body should be at most ${maxLength} chars long`
    add(
      result,
      fault(path, text, (field) => tooLong(field, value, maxLength)),
    )
  } else if (minLength !== undefined && length < minLength) {
    add(result, invalidFault(path, value, `${path} in body should be at least ${minLength} chars long`))
  } else if (pattern) {
    const compiled = goPattern(pattern)
    if (compiled instanceof Error) {
      const text = `${path} in body should match '${pattern}, but pattern is invalid: ${compiled.message}'`
      add(result, invalidFault(path, value, text))
    } else if (!compiled.test(value)) {
      add(result, invalidFault(path, value, `${path} in body should match '${pattern}'`))
    }
  }
  return result
}

function formatFaults({ schema, path }: Node, value: string): Result {
  const result = noFaults()
  const format = formatOf(schema)
  const types = typesOf(schema)
  const isOfStrings = types.length !== 1 || types[0] === 'string'
  if (format !== '' && isOfStrings && !hasFormat(format, value)) {
    const text = `${path} in body must be of type ${format}: ${goQuote(value)}`
    add(
      result,
      fault(path, text, (field) => typeInvalid(field, value, text)),
    )
  }
  return result
}

function numberFaults({ schema, path }: Node, value: number | bigint): Result {
  const result = noFaults()
  const { multipleOf, maximum, minimum } = schema
  const range = rangeFault(schema, path, value)
  if (range) add(result, wholeFault(range))
  if (multipleOf !== undefined) {
    const factor = isInteger(value) ? Math.trunc(multipleOf) : multipleOf
    const shown = goFloat(factor)
    if (factor <= 0) {
      const text = `factor MultipleOf declared for ${path} must be positive: ${shown}`
      add(result, invalidFault(path, factor, text))
    } else if (!isMultiple(value, factor)) {
      add(result, invalidFault(path, value, `${path} in body should be a multiple of ${shown}`))
    }
  }
  if (minimum !== undefined) {
    const limit = isInteger(value) ? Math.trunc(minimum) : minimum
    if (schema.exclusiveMinimum ? value <= limit : value < limit) {
      const words = schema.exclusiveMinimum ? 'greater than' : 'greater than or equal to'
      add(result, invalidFault(path, value, `${path} in body should be ${words} ${goFloat(limit)}`))
    }
  }
  if (maximum !== undefined) {
    const limit = isInteger(value) ? Math.trunc(maximum) : maximum
    if (schema.exclusiveMaximum ? value >= limit : value > limit) {
      const words = schema.exclusiveMaximum ? 'less than' : 'less than or equal to'
      add(result, invalidFault(path, value, `${path} in body should be ${words} ${goFloat(limit)}`))
    }
  }
  result.matches++
  return result
}

function isInteger(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function isMultiple(value: number | bigint, factor: number): boolean {
  if (typeof value === 'bigint') return value % BigInt(factor) === 0n
  if (Number.isInteger(value) && Number.isInteger(factor)) return value % factor === 0
  const quotient = factor < 1 ? (1 / factor) * value : value / factor
  return Math.abs(quotient - Math.round(quotient)) < 1e-9
}

function rangeFault(schema: JSONSchemaProps, path: string, value: number | bigint): string | undefined {
  const types = typesOf(schema)
  if (types.length !== 1) return undefined
  const format = formatOf(schema)
  const type = types[0]!
  const fits =
    type === 'integer'
      ? isInteger(value) && (format !== 'int32' || (Number(value) | 0) === value)
      : format !== 'float' || Number.isFinite(Math.fround(Number(value)))
  if (fits) return undefined
  const described = format === '' ? `${type} (default format)` : `${type} with format ${format}`
  return `Checked value must be of type ${described} in ${path}`
}

function listFaults(node: Node, value: readonly unknown[]): Result {
  const { schema, path } = node
  const result = noFaults()
  const items = itemSchema(schema)
  if (items) {
    for (const [index, item] of value.entries()) {
      const correlation = node.correlation?.index(index)
      const inner = {
        schema: items,
        path: `${path}[${index}]`,
        correlation,
        ratchets: correlation !== undefined,
      }
      merge(result, validate(inner, item))
    }
  }
  const { minItems, maxItems } = schema
  if (minItems !== undefined && value.length < minItems) {
    const text = `${path} in body should have at least ${minItems} items`
    add(result, invalidFault(path, value.length, text))
  }
  if (maxItems !== undefined && value.length > maxItems) {
    const text = `${path} in body should have at most ${maxItems} items`
    add(
      result,
      fault(path, text, (field) => tooMany(field, value.length, maxItems)),
    )
  }
  if (
    schema.uniqueItems &&
    value.some((item, index) => value.slice(0, index).some((earlier) => jsonEqual(item, earlier)))
  ) {
    add(result, invalidFault(path, '', `${path} in body shouldn't contain duplicates`))
  }
  result.matches++
  return result
}

function objectFaults(node: Node, value: JsonObject): Result {
  const { schema, path } = node
  const result = noFaults()
  const { minProperties, maxProperties, properties = {}, additionalProperties } = schema
  const count = minProperties === undefined && maxProperties === undefined ? 0 : Object.keys(value).length
  if (minProperties !== undefined && count < minProperties) {
    const text = `${path} in body should have at least ${minProperties} properties`
    add(result, invalidFault(path, count, text))
  }
  if (maxProperties !== undefined && count > maxProperties) {
    const text = `${path} in body should have at most ${maxProperties} properties`
    add(
      result,
      fault(path, text, (field) => tooMany(field, count, maxProperties)),
    )
  }
  if (additionalProperties === false) {
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(properties, key)) continue
      add(result, invalidFault(path, key, `${path}.${key} in body is a forbidden property`))
    }
  }
  const entries = entrySchema(schema)
  if (entries) {
    for (const [key, item] of Object.entries(value)) {
      if (Object.hasOwn(properties, key)) continue
      merge(result, validate(fieldNode(node, entries, key, `${path}.${key}`), item))
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name)) continue
    const at = path === '' ? name : `${path}.${name}`
    merge(result, validate(fieldNode(node, property, name, at), value[name]))
  }
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(value, name)) continue
    const at = `${path}.${name}`
    add(
      result,
      fault(at, `${at} in body is required`, (field) => required(field)),
    )
  }
  return result
}

/** kind and apiVersion of the whole are converted before they are compared, and so never count as unchanged. */
function fieldNode(node: Node, schema: JSONSchemaProps, name: string, path: string): Node {
  const isType = node.path === '' && (name === 'kind' || name === 'apiVersion')
  const correlation = isType ? undefined : node.correlation?.key(name)
  return { schema, path, correlation, ratchets: correlation !== undefined }
}

function enumFaults({ schema, path }: Node, value: unknown): Result {
  const result = noFaults()
  const values = schema.enum ?? []
  if (values.length === 0 || values.some((allowed) => allowed !== null && jsonEqual(allowed, value)))
    return result
  const supported = values.map((allowed) => (typeof allowed === 'string' ? allowed : goJson(allowed)))
  const text = `${path} in body should be one of ${goJson(values)}`
  add(
    result,
    fault(path, text, (field) => notSupported(field, value, supported)),
  )
  return result
}
