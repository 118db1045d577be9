import { invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'
import { validateList } from './list-rules.ts'

const maxConditions = 4

/** Conditions that a device must have, or must not, before a pod that uses it is bound. */
export function validateBindingConditions(
  device: {
    readonly bindingConditions?: readonly string[]
    readonly bindingFailureConditions?: readonly string[]
  },
  at: FieldPath,
): FieldError[] {
  const { bindingConditions: wanted = [], bindingFailureConditions: failures = [] } = device
  const item = (name: string, field: FieldPath) =>
    qualifiedNameErrors(name).map((message) => invalid(field, name, message))
  const rule = { max: maxConditions, key: (name: string) => name, item }
  const errors = [
    ...validateList(wanted, at.child('bindingConditions'), rule),
    ...validateList(failures, at.child('bindingFailureConditions'), rule),
  ]
  const both = new Set(wanted)
  for (const [index, name] of failures.entries()) {
    if (!both.has(name)) continue
    const field = at.child('bindingFailureConditions').index(index)
    const detail = 'bindingFailureConditions must not overlap with bindingConditions'
    errors.push(invalid(field, name, detail))
  }
  if (wanted.length === 0 && failures.length > 0) {
    const detail = 'bindingConditions are required to use bindingFailureConditions'
    errors.push(invalid(at.child('bindingConditions'), wanted, detail))
  }
  if (failures.length === 0 && wanted.length > 0) {
    const detail = 'bindingFailureConditions are required to use bindingConditions'
    errors.push(invalid(at.child('bindingFailureConditions'), failures, detail))
  }
  return errors
}
