import { typeInvalid } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { isKnownFormat } from './formats.ts'
import { addFault, fault, type Fault, type PlacedSchema, type Outcome } from './value-faults.ts'

/** The types that a value may have, as the schema says them. */
export function typesOf(schema: JSONSchemaProps): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string']
  return schema.type ? [schema.type] : []
}

/** The format, unless it is one that means nothing. */
export function formatOf(schema: JSONSchemaProps): string {
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

export function typeFaults({ schema, path }: PlacedSchema, value: unknown): Outcome {
  const result = { faults: [], matches: 1 } as Outcome
  const types = typesOf(schema)
  const format = formatOf(schema)
  if (types.length === 0 && format === '') return result
  if (value === null) {
    if (types.length > 0 && !schema.nullable) addFault(result, typeFault(path, types.join(','), 'null'))
    return result
  }
  const type = jsonType(value)
  const fits = types.includes(type) || (type === 'integer' && types.includes('number'))
  if (type !== 'string' && type !== 'array' && format !== '' && !fits) {
    addFault(result, typeFault(path, format, ''))
    return result
  }
  const isNumeric = types.includes('number') || types.includes('integer')
  if (!isNumeric && format !== '' && (type === 'string' || type === 'array')) return result
  if (!fits) addFault(result, typeFault(path, types.join(','), type))
  return result
}

/** `found` is the type of the value, or the value itself. */
export function typeFault(path: string, expected: string, found: string): Fault {
  return fault(path, `${path} in body must be of type ${expected}: ${goQuote(found)}`, (field, text) =>
    typeInvalid(field, found, text),
  )
}
