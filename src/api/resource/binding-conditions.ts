import { duplicate, invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { validateList } from './list-rules.ts'

const rule = { max: 4, item: validateLabelName }

/** Conditions that a device must have, or must not, before a pod that uses it is bound. */
export function validateBindingConditions(
  device: {
    readonly bindingConditions?: readonly string[]
    readonly bindingFailureConditions?: readonly string[]
  },
  at: FieldPath,
): FieldError[] {
  const { bindingConditions: wanted = [], bindingFailureConditions: failures = [] } = device
  const [wantedAt, failuresAt] = [at.child('bindingConditions'), at.child('bindingFailureConditions')]
  const errors = [...validateList(wanted, wantedAt, rule), ...validateList(failures, failuresAt, rule)]
  const seen = new Set<string>()
  for (const [index, name] of wanted.entries()) {
    if (seen.has(name)) errors.push(duplicate(wantedAt.index(index), name))
    seen.add(name)
  }
  const seenFailures = new Set<string>()
  for (const [index, name] of failures.entries()) {
    const field = failuresAt.index(index)
    if (seenFailures.has(name)) errors.push(duplicate(field, name))
    seenFailures.add(name)
    const detail = 'bindingFailureConditions must not overlap with bindingConditions'
    if (seen.has(name)) errors.push(invalid(field, name, detail))
  }
  if (wanted.length === 0 && failures.length > 0) {
    const detail = 'bindingConditions are required to use bindingFailureConditions'
    errors.push(invalid(wantedAt, device.bindingConditions, detail))
  }
  if (failures.length === 0 && wanted.length > 0) {
    const detail = 'bindingFailureConditions are required to use bindingConditions'
    errors.push(invalid(failuresAt, device.bindingFailureConditions, detail))
  }
  return errors
}
