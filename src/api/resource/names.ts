import { invalid, required, tooLong, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import {
  cIdentifierErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  dns1123SubdomainMaxLength,
} from '../../machinery/validation/names.ts'

const driverNameMaxLength = 63
const identifierMaxLength = 32

/** Names of a request, a device, a set of counters. */
export function validateLabelName(name: string | undefined, at: FieldPath): FieldError[] {
  return dns1123LabelErrors(name ?? '').map((message) => invalid(at, name ?? '', message))
}

export function validateClassName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  return dns1123SubdomainErrors(name).map((message) => invalid(at, name, message))
}

export function validateDriverName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  const errors = name.length > driverNameMaxLength ? [tooLong(at, name, driverNameMaxLength)] : []
  return [
    ...errors,
    ...dns1123SubdomainErrors(name.toLowerCase()).map((message) => invalid(at, name, message)),
  ]
}

/** One or more DNS names with slashes between them. */
export function validatePoolName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  const errors = name.length > dns1123SubdomainMaxLength ? [tooLong(at, name, dns1123SubdomainMaxLength)] : []
  for (const part of name.split('/'))
    errors.push(...dns1123SubdomainErrors(part).map((message) => invalid(at, part, message)))
  return errors
}

/** `name`, or `domain/name`. */
export function validateQualifiedName(name: string, at: FieldPath): FieldError[] {
  const parts = name.split('/')
  const [first = '', second] = parts
  if (parts.length > 2) return [invalid(at, name, 'must not contain more than one slash')]
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
  const errors = identifier.length > identifierMaxLength ? [tooLong(at, identifier, identifierMaxLength)] : []
  return [...errors, ...cIdentifierErrors(identifier).map((message) => invalid(at, identifier, message))]
}

const uidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function validateUid(uid: string, at: FieldPath): FieldError[] {
  if (uidForm.test(uid)) return []
  const detail =
    'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
  return [invalid(at, uid, detail)]
}
