import { invalid, required, type FieldError, type FieldLocation } from '../field-error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, qualifiedNameErrors } from './names.ts'
import { regexMessage } from './text-rules.ts'

/** A DNS name of at least three labels, without a dot at the end. */
export function validateFullyQualifiedName(path: FieldLocation, name: string): FieldError[] {
  if (name === '') return [required(path)]
  const messages = dns1123SubdomainErrors(name)
  if (messages.length > 0) return [invalid(path, name, messages.join(','))]
  return name.split('.').length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : []
}

/** A DNS name of at least two labels, with or without a dot at the end. */
export function validateFullyQualifiedDomainName(path: FieldLocation, name: string): FieldError[] {
  if (name === '') return [required(path)]
  const domain = name.endsWith('.') ? name.slice(0, -1) : name
  const messages = dns1123SubdomainErrors(domain)
  if (messages.length > 0) return [invalid(path, domain, messages.join(','))]
  const labels = domain.split('.')
  if (labels.length < 2) {
    return [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]
  }
  for (const label of labels) {
    const labelMessages = dns1123LabelErrors(label)
    if (labelMessages.length > 0) return [invalid(path, label, labelMessages.join(','))]
  }
  return []
}

const httpPathFormat = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const httpPath = new RegExp(`^${httpPathFormat}$`)

/** `acme.io/foo`, with any HTTP path behind the slash. */
export function validateDomainPrefixedPath(path: FieldLocation, value: string): FieldError[] {
  if (value === '') return [required(path)]
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) {
    return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  }
  const host = value.slice(0, slash)
  const rest = value.slice(slash + 1)
  const errors = dns1123SubdomainErrors(host).map((message) => invalid(path, host, message))
  if (!httpPath.test(rest)) {
    errors.push(invalid(path, rest, regexMessage('Invalid path', httpPathFormat)))
  }
  return errors
}

/** `acme.io/foo`, a label key that has a prefix. */
export function validateDomainPrefixedKey(path: FieldLocation, key: string): FieldError[] {
  if (key === '') return [required(path)]
  const errors = qualifiedNameErrors(key).map((message) => invalid(path, key, message))
  if (errors.length > 0 || key.includes('/')) return errors
  return [invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")')]
}
