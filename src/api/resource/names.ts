import {
  invalid,
  invalidFor,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import {
  cIdentifierErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  dns1123SubdomainMaxLength,
} from '../../machinery/validation/names.ts'
import { validateCsiDriverName } from '../storage/csi-driver-name.ts'

const identifierMaxLength = 32

/** Names of a request, a device, a set of counters. */
export function validateLabelName(name: string | undefined, at: FieldPath): FieldError[] {
  return invalidFor(at, name ?? '', dns1123LabelErrors(name ?? ''))
}

export function validateClassName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  return invalidFor(at, name, dns1123SubdomainErrors(name))
}

/** The same names as of CSI drivers. */
export const validateDriverName = validateCsiDriverName

/** One or more DNS names with slashes between them. */
export function validatePoolName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  return [
    ...validateLength(name, dns1123SubdomainMaxLength, at),
    ...name.split('/').flatMap((part) => invalidFor(at, part, dns1123SubdomainErrors(part))),
  ]
}

/** `name`, or `domain/name`. What has more slashes goes unchecked, as upstream's v1.36 has it. */
export function validateQualifiedName(name: string, at: FieldPath): FieldError[] {
  const parts = name.split('/')
  const [first = '', second] = parts
  if (parts.length > 2) return []
  if (second === undefined) return validateIdentifier(first, at)
  return [
    ...(first ? validateDriverName(first, at) : [invalid(at, '', 'the domain must not be empty')]),
    ...(second ? validateIdentifier(second, at) : [invalid(at, '', 'the name must not be empty')]),
  ]
}

/** `domain/name`. */
export function validateFullyQualifiedName(name: string, at: FieldPath): FieldError[] {
  const errors = validateQualifiedName(name, at)
  if (name.includes('/')) return errors
  const detail = 'a fully qualified name must be a domain and a name separated by a slash'
  return [...errors, invalid(at, name, detail)]
}

function validateIdentifier(identifier: string, at: FieldPath): FieldError[] {
  return [
    ...validateLength(identifier, identifierMaxLength, at),
    ...invalidFor(at, identifier, cIdentifierErrors(identifier)),
  ]
}

function validateLength(text: string, maxLength: number, at: FieldPath): FieldError[] {
  return Buffer.byteLength(text) > maxLength ? [tooLong(at, text, maxLength)] : []
}
