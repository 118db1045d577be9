import { goFloat, goValue } from '../go-format.ts'
import { goJson } from '../go-json.ts'
import type { JsonValue } from '../meta.ts'
import type { ListSchema, ScalarSchema, Schema } from '../schema.ts'
import { printElement } from './path-element.ts'
import { TypedValueError, fieldOf, isObject, itemElement, ownValue, type JsonObject } from './typed.ts'

/**
 * Checks an applied configuration against its type, in the words of structured-merge-diff: unknown fields, wrong types,
 * items that have no key or the same one. Throws a TypedValueError that names all faults.
 */
export function assertTyped(value: JsonValue, schema: Schema): void {
  const faults: string[] = []
  validate(value, schema, '', faults)
  if (faults.length === 0) return
  const lines = faults.map((fault) => `  ${fault}`).join('\n')
  throw new TypedValueError(faults.length === 1 ? faults[0] : `errors:\n${lines}`)
}

function validate(value: JsonValue, schema: Schema, path: string, faults: string[]): void {
  const report = (message: string) => faults.push(path === '' ? message : `${path}: ${message}`)
  if (value === null || schema.type === 'any') return
  switch (schema.type) {
    case 'object':
    case 'map':
      if (!isObject(value)) report(`expected map, got ${pointerTo(value)}`)
      else validateFields(value, schema, path, faults)
      return
    case 'list':
      if (!Array.isArray(value)) report(`expected list, got ${pointerTo(value)}`)
      else validateItems(value as readonly JsonValue[], schema, path, faults)
      return
    default: {
      const message = scalarFault(value, schema)
      if (message !== undefined) report(message)
    }
  }
}

function validateFields(object: JsonObject, schema: Schema, path: string, faults: string[]): void {
  for (const key of Object.keys(object)) {
    const at = `${path}.${key}`
    const value = ownValue(object, key)!
    if (schema.type === 'map') {
      validate(value, schema.values, at, faults)
      continue
    }
    const field = fieldOf(schema, key)
    if (field) validate(value, field.schema, at, faults)
    else if (schema.type === 'object' && !schema.preserveUnknown) {
      faults.push(`${at}: field not declared in schema`)
    }
  }
}

function validateItems(list: readonly JsonValue[], schema: ListSchema, path: string, faults: string[]): void {
  const seen = new Set<string>()
  for (const [index, item] of list.entries()) {
    let at = `${path}[${index}]`
    if (schema.listType !== 'atomic') {
      const element = placeOf(item, index, schema, path, faults)
      if (element === undefined) return
      const printed = printElement(element)
      if (seen.has(element)) faults.push(`${path}: duplicate entries for key ${printed}`)
      seen.add(element)
      at = path + printed
    }
    validate(item, schema.items, at, faults)
  }
}

function placeOf(
  item: JsonValue,
  index: number,
  schema: ListSchema,
  path: string,
  faults: string[],
): string | undefined {
  try {
    return itemElement(schema, item)
  } catch (error) {
    if (!(error instanceof TypedValueError)) throw error
    faults.push(`${path}: element ${index}: ${error.message}`)
    return undefined
  }
}

function scalarFault(value: JsonValue, schema: ScalarSchema): string | undefined {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint'
        ? undefined
        : `expected numeric (int or float), got ${goTypeOf(value)}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got ${pointerTo(value)}`
    case 'string':
    case 'bytes':
      if (schema.type === 'string' && schema.format !== undefined && schema.format !== 'byte') break
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`
    default:
  }
  const isScalar = !isObject(value) && !Array.isArray(value)
  return isScalar ? undefined : `expected any scalar, got ${pointerTo(value)}`
}

/** `%v` of the pointer to a wrapped value. */
function pointerTo(value: JsonValue): string {
  return `&{${goValue(value)}}`
}

function goTypeOf(value: JsonValue): string {
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** `%#v` of decoded JSON. */
function goSyntax(value: JsonValue): string {
  if (value === null) return 'interface {}(nil)'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return goFloat(value)
  if (typeof value === 'string') return goJson(value)
  if (typeof value === 'boolean') return String(value)
  if (Array.isArray(value))
    return `[]interface {}{${(value as readonly JsonValue[]).map(goSyntax).join(', ')}}`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[string]interface {}{${entries.map(([key, item]) => `${goJson(key)}:${goSyntax(item)}`).join(', ')}}`
}
