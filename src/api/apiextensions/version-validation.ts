import {
  duplicate,
  invalid,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from '../generated/apiextensions.v1.ts'
import { fieldOfSchema, SchemaPathError } from './field-of-schema.ts'
import type { Leniency } from './schema-validation.ts'
import { unsupportedField } from './structural.ts'

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string']
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
export const maxSelectableFields = 8

export function deprecationErrors(
  { deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
  at: FieldPath,
): readonly FieldError[] {
  if (deprecationWarning === undefined) return []
  const refuse = (detail: string) => invalid(at.child('deprecationWarning'), deprecationWarning, detail)
  if (!deprecated) return [refuse('can only be set for deprecated versions')]
  const errors: FieldError[] = []
  if (Buffer.byteLength(deprecationWarning) > 256) errors.push(refuse('must be <= 256 characters long'))
  if (deprecationWarning === '') errors.push(refuse('must not be an empty string'))
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(deprecationWarning)
  if (odd) {
    const index = Buffer.byteLength(deprecationWarning.slice(0, odd.index))
    errors.push(
      refuse(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`),
    )
  }
  return errors
}

export function subresourceErrors(
  subresources: CustomResourceSubresources | undefined,
  at: FieldPath,
): readonly FieldError[] {
  const { scale } = subresources ?? {}
  if (!scale) return []
  const check = (text: string, field: FieldPath, roots: readonly string[], detail: string) => {
    const errors = simplePathErrors(text, field)
    if (errors.length > 0 || roots.some((root) => text.startsWith(root))) return errors
    return [invalid(field, text, detail)]
  }
  const spec = at.child('scale.specReplicasPath')
  const status = at.child('scale.statusReplicasPath')
  return [
    ...(scale.specReplicasPath === ''
      ? [required(spec)]
      : check(scale.specReplicasPath, spec, ['.spec.'], 'should be a json path under .spec')),
    ...(scale.statusReplicasPath === ''
      ? [required(status)]
      : check(scale.statusReplicasPath, status, ['.status.'], 'should be a json path under .status')),
    ...(scale.labelSelectorPath
      ? check(
          scale.labelSelectorPath,
          at.child('scale.labelSelectorPath'),
          ['.spec.', '.status.'],
          'should be a json path under either .spec or .status',
        )
      : []),
  ]
}

function simplePathErrors(text: string, at: FieldPath): readonly FieldError[] {
  if (text === '') return [invalid(at, text, 'must not be empty')]
  return text.startsWith('.') ? [] : [invalid(at, text, 'must be a simple json path starting with .')]
}

export function columnErrors(
  columns: readonly CustomResourceColumnDefinition[] = [],
  at: FieldPath,
): readonly FieldError[] {
  return columns.flatMap((column, index) => {
    const field = at.index(index)
    const errors: FieldError[] = []
    const types = `must be one of ${columnTypes.join(',')}`
    if (column.name === '') errors.push(required(field.child('name')))
    if (column.type === '') errors.push(required(field.child('type'), types))
    else if (!columnTypes.includes(column.type)) errors.push(invalid(field.child('type'), column.type, types))
    if (column.format && !columnFormats.includes(column.format)) {
      errors.push(invalid(field.child('format'), column.format, `must be one of ${columnFormats.join(',')}`))
    }
    const jsonPath = field.child('JSONPath')
    if (column.jsonPath === '') errors.push(required(jsonPath))
    else errors.push(...simplePathErrors(column.jsonPath, jsonPath))
    return errors
  })
}

export function selectableFieldErrors(
  { name, schema, selectableFields = [] }: CustomResourceDefinitionVersion,
  at: FieldPath,
  leniency: Leniency,
): readonly FieldError[] {
  if (selectableFields.length === 0) return []
  const field = at.child('selectableFields')
  const props = schema?.openAPIV3Schema
  if (!props) {
    return [invalid(field, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')]
  }
  const unsupported = unsupportedField(props)
  if (unsupported !== undefined) return [invalid(at.child('schema.openAPIV3Schema'), '', unsupported)]
  const errors: FieldError[] = []
  const paths = new Set<string>()
  for (const [index, { jsonPath }] of selectableFields.entries()) {
    const own = field.index(index).child('jsonPath')
    if (jsonPath === '') {
      errors.push(required(own))
      continue
    }
    try {
      const found = fieldOfSchema(jsonPath, props, { brackets: false })
      if (found.first === 'metadata') {
        errors.push(invalid(own, jsonPath, 'must not point to fields in metadata'))
      }
      if (!['string', 'boolean', 'integer'].includes(found.schema.type ?? '')) {
        const detail =
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
        errors.push(invalid(own, jsonPath, detail))
      }
      const text = String(found.path)
      if (paths.has(text)) errors.push(duplicate(own, jsonPath))
      paths.add(text)
    } catch (error) {
      if (!(error instanceof SchemaPathError)) throw error
      errors.push(invalid(own, jsonPath, `is an invalid path: ${error.message}`))
    }
  }
  if (paths.size > maxSelectableFields && !leniency.tooManySelectableFields.has(name)) {
    errors.push(tooMany(field, paths.size, maxSelectableFields))
  }
  return errors
}
