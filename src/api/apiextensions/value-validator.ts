import { notSupported, required, tooMany, type FieldError } from '../../machinery/field-error.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { goJson, withSortedKeys } from '../../machinery/go-json.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import type { Correlation } from './correlation.ts'
import { formatFaults, numberFaults, stringFaults } from './scalar-faults.ts'
import { entrySchema, isObject, itemSchema, type JsonObject } from './schema-walk.ts'
import { typeFaults } from './type-faults.ts'
import {
  addFault,
  fault,
  invalidFault,
  addOutcome,
  noFaults,
  wholeFault,
  type PlacedSchema,
  type Outcome,
} from './value-faults.ts'

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

function validate(node: PlacedSchema, value: unknown): Outcome {
  const result = noFaults()
  addOutcome(result, typeFaults(node, value))
  if (value === null) {
    addOutcome(result, enumFaults(node, value))
  } else {
    result.matches++
    for (const check of checksOf(value)) {
      addOutcome(result, check(node, value))
      result.matches++
    }
    result.matches++
  }
  if (result.faults.length > 0 && node.ratchets && node.correlation?.isUnchanged) {
    return { faults: [], matches: result.matches }
  }
  return result
}

type Check = (node: PlacedSchema, value: never) => Outcome

/** What is checked of a value of each type, in upstream's order. */
function checksOf(value: unknown): readonly ((node: PlacedSchema, value: unknown) => Outcome)[] {
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
] as readonly Check[] as readonly ((node: PlacedSchema, value: unknown) => Outcome)[]
const numberChecks = [junctorFaults, numberFaults, enumFaults] as readonly Check[] as typeof stringChecks
const listChecks = [junctorFaults, listFaults, enumFaults] as readonly Check[] as typeof stringChecks
const objectChecks = [junctorFaults, enumFaults, objectFaults] as readonly Check[] as typeof stringChecks
const otherChecks = [junctorFaults, enumFaults] as readonly Check[] as typeof stringChecks

function junctorFaults(node: PlacedSchema, value: unknown): Outcome {
  const { schema, path } = node
  const { allOf = [], anyOf = [], oneOf = [], not } = schema
  const result = noFaults()
  const within = (alternative: JSONSchemaProps) =>
    validate({ ...node, schema: alternative, ratchets: false }, value)
  if (anyOf.length > 0) {
    const tried: Outcome[] = []
    const success = anyOf.find((alternative) => {
      const outcome = within(alternative)
      tried.push(outcome)
      return outcome.faults.length === 0
    })
    if (!success) addFault(result, wholeFault(`${goQuote(path)} must validate at least one schema (anyOf)`))
    addOutcome(result, success ? tried.at(-1)! : bestOf(tried))
  }
  if (oneOf.length > 0) {
    const tried = oneOf.map(within)
    const valid = tried.filter(({ faults }) => faults.length === 0)
    if (valid.length === 1) addOutcome(result, valid[0]!)
    else {
      const found = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`
      addFault(result, wholeFault(`${goQuote(path)} must validate one and only one schema (oneOf). ${found}`))
      if (valid.length === 0) addOutcome(result, bestOf(tried))
    }
  }
  if (allOf.length > 0) {
    const tried = allOf.map(within)
    for (const outcome of tried) addOutcome(result, outcome)
    const valid = tried.filter(({ faults }) => faults.length === 0).length
    if (valid < tried.length) {
      const none = valid === 0 ? '. None validated' : ''
      addFault(result, wholeFault(`${goQuote(path)} must validate all the schemas (allOf)${none}`))
    }
  }
  if (not && within(not).faults.length === 0) {
    addFault(result, wholeFault(`${goQuote(path)} must not validate the schema (not)`))
  }
  result.matches++
  return result
}

/** The first of those with the most checks. */
function bestOf(results: readonly Outcome[]): Outcome {
  return results.reduce((best, result) => (result.matches > best.matches ? result : best))
}

function listFaults(node: PlacedSchema, value: readonly unknown[]): Outcome {
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
      addOutcome(result, validate(inner, item))
    }
  }
  const { minItems, maxItems } = schema
  if (minItems !== undefined && value.length < minItems) {
    const text = `${path} in body should have at least ${minItems} items`
    addFault(result, invalidFault(path, value.length, text))
  }
  if (maxItems !== undefined && value.length > maxItems) {
    const text = `${path} in body should have at most ${maxItems} items`
    addFault(
      result,
      fault(path, text, (field) => tooMany(field, value.length, maxItems)),
    )
  }
  if (
    schema.uniqueItems &&
    value.some((item, index) => value.slice(0, index).some((earlier) => jsonEqual(item, earlier)))
  ) {
    addFault(result, invalidFault(path, '', `${path} in body shouldn't contain duplicates`))
  }
  result.matches++
  return result
}

function objectFaults(node: PlacedSchema, value: JsonObject): Outcome {
  const { schema, path } = node
  const result = noFaults()
  const { minProperties, maxProperties, properties = {}, additionalProperties } = schema
  const count = minProperties === undefined && maxProperties === undefined ? 0 : Object.keys(value).length
  if (minProperties !== undefined && count < minProperties) {
    const text = `${path} in body should have at least ${minProperties} properties`
    addFault(result, invalidFault(path, count, text))
  }
  if (maxProperties !== undefined && count > maxProperties) {
    const text = `${path} in body should have at most ${maxProperties} properties`
    addFault(
      result,
      fault(path, text, (field) => tooMany(field, count, maxProperties)),
    )
  }
  if (additionalProperties === false) {
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(properties, key)) continue
      addFault(result, invalidFault(path, key, `${path}.${key} in body is a forbidden property`))
    }
  }
  const entries = entrySchema(schema)
  if (entries) {
    for (const [key, item] of Object.entries(value)) {
      if (Object.hasOwn(properties, key)) continue
      addOutcome(result, validate(fieldNode(node, entries, key, `${path}.${key}`), item))
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name)) continue
    const at = path === '' ? name : `${path}.${name}`
    addOutcome(result, validate(fieldNode(node, property, name, at), value[name]))
  }
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(value, name)) continue
    const at = `${path}.${name}`
    addFault(
      result,
      fault(at, `${at} in body is required`, (field) => required(field)),
    )
  }
  return result
}

/** kind and apiVersion of the whole are converted before they are compared, and so never count as unchanged. */
function fieldNode(node: PlacedSchema, schema: JSONSchemaProps, name: string, path: string): PlacedSchema {
  const isType = node.path === '' && (name === 'kind' || name === 'apiVersion')
  const correlation = isType ? undefined : node.correlation?.key(name)
  return { schema, path, correlation, ratchets: correlation !== undefined }
}

function enumFaults({ schema, path }: PlacedSchema, value: unknown): Outcome {
  const result = noFaults()
  const values = schema.enum ?? []
  if (values.length === 0 || values.some((allowed) => allowed !== null && jsonEqual(allowed, value)))
    return result
  const supported = values.map((allowed) => (typeof allowed === 'string' ? allowed : goJson(allowed)))
  const text = `${path} in body should be one of ${goJson(values)}`
  addFault(
    result,
    fault(path, text, (field) => notSupported(field, withSortedKeys(value), supported)),
  )
  return result
}
