export { FieldPath, path } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { goFloat, goQuote } from './go-format.ts'
import { goJson } from './go-json.ts'
import type { StatusCause } from './meta.ts'

/**
 * One fault found by validation: where, what, and the value. Wording as upstream's k8s.io/apimachinery
 * pkg/util/validation/field, so that users recognise it.
 */
export interface FieldError {
  readonly type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueNotSupported'
    | 'FieldValueTooLong'
    | 'FieldValueTooShort'
    | 'FieldValueTooMany'
    | 'FieldValueTooFew'
    | 'FieldValueTypeInvalid'
    | 'InternalError'
  /** `spec.containers[0].name`, `metadata.labels[app]`. */
  readonly field: string
  /** The whole sentence behind `field: `, for example `Invalid value: "x": must be ...`. */
  readonly message: string
}

/** Where the fault is: a path, its text, or undefined for the root (which upstream prints as `<nil>`). */
export type FieldLocation = FieldPath | string | undefined

const words: Readonly<Record<FieldError['type'], string>> = {
  FieldValueRequired: 'Required value',
  FieldValueInvalid: 'Invalid value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotFound: 'Not found',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueTooLong: 'Too long',
  FieldValueTooShort: 'Too short',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  FieldValueTypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
}

/** Nothing, an empty string or an empty list stands where something must. */
export function required(field: FieldLocation, detail = ''): FieldError {
  return withoutValue('FieldValueRequired', field, detail)
}

/** The value is malformed. */
export function invalid(field: FieldLocation, value: unknown, detail = ''): FieldError {
  return withValue('FieldValueInvalid', field, value, detail)
}

/** One fault for each message of a rule about the same value. */
export function invalidFor(field: FieldLocation, value: unknown, messages: readonly string[]): FieldError[] {
  return messages.map((message) => invalid(field, value, message))
}

/** As invalid, where the value would only be in the way. */
export function invalidWithoutValue(field: FieldLocation, detail: string): FieldError {
  return withoutValue('FieldValueInvalid', field, detail)
}

/** The value has the wrong JSON type. */
export function typeInvalid(field: FieldLocation, value: unknown, detail = ''): FieldError {
  return withValue('FieldValueTypeInvalid', field, value, detail)
}

/** The value must be unique and is not. */
export function duplicate(field: FieldLocation, value: unknown, detail = ''): FieldError {
  return withValue('FieldValueDuplicate', field, value, detail)
}

/** The value names something that is not there. */
export function notFound(field: FieldLocation, value: unknown, detail = ''): FieldError {
  return withValue('FieldValueNotFound', field, value, detail)
}

/** The value is none of the `supported` ones, which are listed in the order given (upstream mostly sorts them). */
export function notSupported(
  field: FieldLocation,
  value: unknown,
  supported: readonly string[] = [],
): FieldError {
  const detail = supported.length > 0 ? `supported values: ${supported.map(goQuote).join(', ')}` : ''
  return withValue('FieldValueNotSupported', field, value, detail)
}

/** The value is well-formed but not allowed under these conditions. */
export function forbidden(field: FieldLocation, detail = ''): FieldError {
  return withoutValue('FieldValueForbidden', field, detail)
}

/** Longer than `maxLength` bytes; a negative `maxLength` is not mentioned. The value is not shown. */
export function tooLong(field: FieldLocation, _value: unknown, maxLength: number): FieldError {
  return withoutValue('FieldValueTooLong', field, mayNotBeMore(maxLength, 'byte'))
}

/** Longer than `maxLength` characters; a negative `maxLength` is not mentioned. The value is not shown. */
export function tooLongCharacters(field: FieldLocation, _value: unknown, maxLength: number): FieldError {
  return withoutValue('FieldValueTooLong', field, mayNotBeMore(maxLength, 'character'))
}

function mayNotBeMore(maxLength: number, unit: string): string {
  return maxLength < 0 ? 'value is too long' : `may not be more than ${counted(maxLength, unit)}`
}

/** Shorter than `minLength` characters; a negative `minLength` is not mentioned. The value is not shown. */
export function tooShort(field: FieldLocation, _value: unknown, minLength: number): FieldError {
  const detail = minLength < 0 ? 'value is too short' : `must be at least ${counted(minLength, 'character')}`
  return withoutValue('FieldValueTooShort', field, detail)
}

/** More than `maxQuantity` items; a negative `actualQuantity` or `maxQuantity` is not mentioned. */
export function tooMany(field: FieldLocation, actualQuantity: number, maxQuantity: number): FieldError {
  const detail = maxQuantity < 0 ? 'has too many items' : `must have at most ${counted(maxQuantity, 'item')}`
  if (actualQuantity < 0) return withoutValue('FieldValueTooMany', field, detail)
  return withValue('FieldValueTooMany', field, actualQuantity, detail)
}

/** Fewer than `minQuantity` items; a negative `minQuantity` is not mentioned. */
export function tooFew(field: FieldLocation, actualQuantity: number, minQuantity: number): FieldError {
  const detail = minQuantity < 0 ? 'has too few items' : `must have at least ${counted(minQuantity, 'item')}`
  return withValue('FieldValueTooFew', field, actualQuantity, detail)
}

/** Validation itself failed; the user is not to blame. */
export function internalError(field: FieldLocation, error: Error): FieldError {
  return withoutValue('InternalError', field, error.message)
}

/** `field: message`, as in the list behind `is invalid: `. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${error.message}`
}

/** All faults in one text, each once: `a: Required value`, or `[a: Required value, b: Forbidden]`. */
export function aggregateFieldErrors(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(fieldErrorText))]
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
}

export function toStatusCause(error: FieldError): StatusCause {
  return { reason: error.type, message: error.message, field: error.field }
}

function withoutValue(type: FieldError['type'], field: FieldLocation, detail: string): FieldError {
  return { type, field: fieldText(field), message: joinDetail(words[type], detail) }
}

function withValue(
  type: FieldError['type'],
  field: FieldLocation,
  value: unknown,
  detail: string,
): FieldError {
  return {
    type,
    field: fieldText(field),
    message: joinDetail(`${words[type]}: ${renderValue(value)}`, detail),
  }
}

function fieldText(field: FieldLocation): string {
  return field === undefined ? '<nil>' : field.toString()
}

function joinDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  if (typeof value === 'number') return goFloat(value)
  return typeof value === 'bigint' ? value.toString() : goJson(value)
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
