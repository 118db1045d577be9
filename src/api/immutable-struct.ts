import { semanticEqual } from '../machinery/equal.ts'
import { invalid, type FieldError, type FieldPath } from '../machinery/field-error.ts'
import { fieldImmutableMessage } from '../machinery/validation/object-meta.ts'
import { internalForm } from './internal-form.ts'

/** As validateImmutableField, of structs: upstream's message shows the new one in the form that its server keeps. */
export function validateImmutableStruct(
  type: string,
  next: object | undefined,
  previous: object | undefined,
  at: FieldPath,
): FieldError[] {
  if (semanticEqual(next, previous)) return []
  return [invalid(at, internalForm(type, next), fieldImmutableMessage)]
}
