import {
  invalidFor,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'

const maxDriverNameLength = 63

/** The name of a CSI driver: a DNS name, in any case. Source: kubernetes/pkg/apis/core/validation, ValidateCSIDriverName. */
export function validateCsiDriverName(name = '', at: FieldPath): FieldError[] {
  const errors = name ? [] : [required(at)]
  if (name.length > maxDriverNameLength) errors.push(tooLong(at, '', maxDriverNameLength))
  return [...errors, ...invalidFor(at, name, dns1123SubdomainErrors(name.toLowerCase()))]
}
