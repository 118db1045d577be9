import {
  invalid,
  invalidFor,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'

const maxParametersSizeBytes = 256 * 1024
const maxParameters = 512

/** The name of a provisioner or a driver: a label key. */
export function validateProvisioner(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  const lowered = name.toLowerCase()
  return invalidFor(at, lowered, qualifiedNameErrors(lowered))
}

/** What only the provisioner understands: named, and not too much. */
export function validateParameters(
  parameters: Readonly<Record<string, string>> | undefined = {},
  at: FieldPath,
): FieldError[] {
  const entries = Object.entries(parameters)
  if (entries.length > maxParameters) {
    return [{ ...tooLong(at, '', maxParameters) }]
  }
  const errors = entries.some(([key]) => key === '') ? [invalid(at, '', 'field can not be empty.')] : []
  const size = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
  if (size > maxParametersSizeBytes) errors.push(tooLong(at, '', maxParametersSizeBytes))
  return errors
}
