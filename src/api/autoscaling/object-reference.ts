import { invalid, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import type { CrossVersionObjectReference } from '../generated/autoscaling.v2.ts'

/** An object of some kind that has a scale, or a metric. */
export function validateObjectReference(
  reference: CrossVersionObjectReference | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  for (const field of ['kind', 'name'] as const) {
    const value = reference?.[field]
    if (!value) errors.push(required(at.child(field)))
    else
      errors.push(...pathSegmentNameErrors(value).map((message) => invalid(at.child(field), value, message)))
  }
  return errors
}
