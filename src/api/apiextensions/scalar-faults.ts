import { tooLong, typeInvalid } from '../../machinery/field-error.ts'
import { goFloat, goQuote } from '../../machinery/go-format.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { hasFormat } from './formats.ts'
import { goPattern } from './go-pattern.ts'
import { formatOf, typesOf } from './type-faults.ts'
import {
  addFault,
  fault,
  invalidFault,
  noFaults,
  wholeFault,
  type PlacedSchema,
  type Outcome,
} from './value-faults.ts'

export function stringFaults({ schema, path }: PlacedSchema, value: string): Outcome {
  const result = noFaults()
  const { maxLength, minLength, pattern } = schema
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(value).length
  if (maxLength !== undefined && length > maxLength) {
    const text = `${path} in body should be at most ${maxLength} chars long`
    addFault(
      result,
      fault(path, text, (field) => tooLong(field, value, maxLength)),
    )
  } else if (minLength !== undefined && length < minLength) {
    addFault(result, invalidFault(path, value, `${path} in body should be at least ${minLength} chars long`))
  } else if (pattern) {
    const compiled = goPattern(pattern)
    if (compiled instanceof Error) {
      const text = `${path} in body should match '${pattern}, but pattern is invalid: ${compiled.message}'`
      addFault(result, invalidFault(path, value, text))
    } else if (!compiled.test(value)) {
      addFault(result, invalidFault(path, value, `${path} in body should match '${pattern}'`))
    }
  }
  return result
}

export function formatFaults({ schema, path }: PlacedSchema, value: string): Outcome {
  const result = noFaults()
  const format = formatOf(schema)
  const types = typesOf(schema)
  const isOfStrings = types.length !== 1 || types[0] === 'string'
  if (format !== '' && isOfStrings && !hasFormat(format, value)) {
    const text = `${path} in body must be of type ${format}: ${goQuote(value)}`
    addFault(
      result,
      fault(path, text, (field) => typeInvalid(field, value, text)),
    )
  }
  return result
}

export function numberFaults({ schema, path }: PlacedSchema, value: number | bigint): Outcome {
  const result = noFaults()
  const { multipleOf, maximum, minimum } = schema
  const range = rangeFault(schema, path, value)
  if (range) addFault(result, wholeFault(range))
  if (multipleOf !== undefined) {
    const factor = isInteger(value) ? Math.trunc(multipleOf) : multipleOf
    const shown = goFloat(factor)
    if (factor <= 0) {
      const text = `factor MultipleOf declared for ${path} must be positive: ${shown}`
      addFault(result, invalidFault(path, factor, text))
    } else if (!isMultiple(value, factor)) {
      addFault(result, invalidFault(path, value, `${path} in body should be a multiple of ${shown}`))
    }
  }
  if (minimum !== undefined) {
    const limit = isInteger(value) ? Math.trunc(minimum) : minimum
    if (schema.exclusiveMinimum ? value <= limit : value < limit) {
      const words = schema.exclusiveMinimum ? 'greater than' : 'greater than or equal to'
      addFault(result, invalidFault(path, value, `${path} in body should be ${words} ${goFloat(limit)}`))
    }
  }
  if (maximum !== undefined) {
    const limit = isInteger(value) ? Math.trunc(maximum) : maximum
    if (schema.exclusiveMaximum ? value >= limit : value > limit) {
      const words = schema.exclusiveMaximum ? 'less than' : 'less than or equal to'
      addFault(result, invalidFault(path, value, `${path} in body should be ${words} ${goFloat(limit)}`))
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
