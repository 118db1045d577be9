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
export function validateCsiDriverName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  const errors = Buffer.byteLength(name) > maxDriverNameLength ? [tooLong(at, '', maxDriverNameLength)] : []
  return [...errors, ...invalidFor(at, name, dns1123SubdomainErrors(name.toLowerCase()))]
}
