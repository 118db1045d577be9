import { invalid, required, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { compareQuantity, quantitySign } from '../../../machinery/quantity.ts'
import { qualifiedNameErrors } from '../../../machinery/validation/names.ts'
import type { ResourceRequirements } from '../../generated/core.v1.ts'

const standard = new Set(['cpu', 'memory', 'ephemeral-storage'])

/** Amounts of cpu, memory and the like, and of extended resources. Source: ValidateContainerResourceRequirements. */
export function validateResources(
  { limits = {}, requests = {} }: ResourceRequirements,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [name, quantity] of Object.entries(limits)) {
    errors.push(...amountErrors(name, quantity, field.child('limits')))
  }
  for (const [name, quantity] of Object.entries(requests)) {
    const at = field.child('requests')
    errors.push(...amountErrors(name, quantity, at))
    const limit = limits[name]
    if (limit === undefined) {
      if (!overcommits(name))
        errors.push(required(field.child('limits'), 'Limit must be set for non overcommitable resources'))
    } else if (!overcommits(name) && compareQuantity(quantity, limit) !== 0) {
      errors.push(invalid(at, quantity, `must be equal to ${name} limit of ${limit}`))
    } else if (overcommits(name) && compareQuantity(quantity, limit) > 0) {
      errors.push(invalid(at, quantity, `must be less than or equal to ${name} limit of ${limit}`))
    }
  }
  return errors
}

/** Only what the kernel can share may be requested in part. */
function overcommits(name: string): boolean {
  return standard.has(name)
}

function amountErrors(name: string, quantity: string, field: FieldPath): FieldError[] {
  const at = field.key(name)
  const errors = validateResourceName(name, field)
  if (quantitySign(quantity) < 0) errors.push(invalid(at, quantity, 'must be greater than or equal to 0'))
  const isWhole = !standard.has(name) && !name.startsWith('hugepages-')
  if (isWhole && !/^[+-]?\d+([kMGTPE]i?)?$/.test(quantity))
    errors.push(invalid(at, quantity, 'must be an integer'))
  return errors
}

/** A name of a resource that a container may ask for. */
export function validateResourceName(name: string, field: FieldPath): FieldError[] {
  const malformed = qualifiedNameErrors(name).map((message) => invalid(field, name, message))
  if (malformed.length > 0) return malformed
  const isNative = !name.includes('/')
  if (isNative && !standard.has(name) && !name.startsWith('hugepages-')) {
    return [invalid(field, name, 'must be a standard resource for containers')]
  }
  return []
}
