import { duplicate, path, required, type FieldError } from '../../machinery/field-error.ts'

const at = path('status', 'conditions')

/** Each condition says what it is about, and each of something else. */
export function validateConditionTypes(
  conditions: readonly { readonly type?: string }[] | undefined = [],
): FieldError[] {
  const seen = new Set<string>()
  return conditions.flatMap(({ type = '' }, index) => {
    const field = at.index(index).child('type')
    const errors = seen.has(type) ? [duplicate(field, type)] : []
    seen.add(type)
    return type === '' ? [...errors, required(field, 'must not be empty')] : errors
  })
}
