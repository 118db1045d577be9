import {
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { fieldOfSchema, SchemaPathError } from './field-of-schema.ts'
import { unsupportedField } from './structural.ts'

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']

/** What can be said of the rules of a schema without reading their expressions. */
export function ruleTextErrors(schema: JSONSchemaProps, at: FieldPath): readonly FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.flatMap((rule, index) => {
    const field = (name: string) => at.child('x-kubernetes-validations').index(index).child(name)
    const { message = '', messageExpression = '', fieldPath = '', reason } = rule
    const errors: FieldError[] = []
    const text = rule.rule.trim()
    if (text === '') errors.push(required(field('rule'), 'rule is not specified'))
    else if (message !== '' && message.trim() === '') {
      errors.push(invalid(field('message'), message, 'must be non-empty if specified'))
    } else if (hasLineBreaks(message.trim())) {
      errors.push(invalid(field('message'), message, 'must not contain line breaks'))
    } else if (hasLineBreaks(text) && message.trim() === '') {
      errors.push(required(field('message'), 'message must be specified if rule contains line breaks'))
    }
    if (messageExpression !== '' && messageExpression.trim() === '') {
      const detail = 'messageExpression must be non-empty if specified'
      errors.push(required(field('messageExpression'), detail))
    }
    if (reason !== undefined && !reasons.includes(reason)) {
      errors.push(notSupported(field('reason'), reason, reasons))
    }
    if (fieldPath !== '' && fieldPath.trim() === '') {
      errors.push(invalid(field('fieldPath'), fieldPath, 'must be non-empty if specified'))
    }
    if (hasLineBreaks(fieldPath)) {
      errors.push(invalid(field('fieldPath'), fieldPath, 'must not contain line breaks'))
    }
    if (fieldPath !== '' && !leadsSomewhere(schema, fieldPath)) {
      errors.push(invalid(field('fieldPath'), fieldPath, 'must be a valid path'))
    }
    return errors
  })
}

function hasLineBreaks(text: string): boolean {
  return /[\n\r]/.test(text)
}

function leadsSomewhere(schema: JSONSchemaProps, fieldPath: string): boolean {
  if (unsupportedField(schema) !== undefined) return true
  try {
    fieldOfSchema(fieldPath, schema)
    return true
  } catch (error) {
    if (error instanceof SchemaPathError) return false
    throw error
  }
}
