import { duplicate, invalid, notSupported, required, tooLong, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import type { Condition } from '../meta.ts'
import { validateLabelName } from './labels.ts'
import { exceedsBytes, regexMessage } from './text-rules.ts'

const reasonFormat = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reason = new RegExp(`^${reasonFormat}$`)
const reasonMessage = regexMessage(
  'a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric ' +
    "characters or '_,:', and must end with an alphanumeric character or '_'",
  reasonFormat,
  'my_name',
  'MY_NAME',
  'MyName',
  'ReasonA,ReasonB',
  'ReasonA:ReasonB',
)
const reasonMaxBytes = 1024
const messageMaxBytes = 32 * 1024

/** metav1.Conditions: each well-formed, no type twice. */
export function validateConditions(
  conditions: readonly Condition[] | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const types = new Set<string>()
  conditions?.forEach((condition, index) => {
    if (types.has(condition.type)) errors.push(duplicate(path.index(index).child('type'), condition.type))
    types.add(condition.type)
    errors.push(...validateCondition(condition, path.index(index)))
  })
  return errors
}

function validateCondition(condition: Condition, path: FieldPath): FieldError[] {
  const errors = validateLabelName(condition.type, path.child('type'))
  const statuses = ['False', 'True', 'Unknown']
  if (!statuses.includes(condition.status)) {
    errors.push(notSupported(path.child('status'), condition.status, statuses))
  }
  const { observedGeneration = 0 } = condition
  if (observedGeneration < 0) {
    const at = path.child('observedGeneration')
    errors.push(invalid(at, observedGeneration, 'must be greater than or equal to zero'))
  }
  if (!condition.lastTransitionTime) errors.push(required(path.child('lastTransitionTime')))
  if (!condition.reason) {
    errors.push(required(path.child('reason')))
  } else {
    if (!reason.test(condition.reason)) {
      errors.push(invalid(path.child('reason'), condition.reason, reasonMessage))
    }
    if (exceedsBytes(condition.reason, reasonMaxBytes)) {
      errors.push(tooLong(path.child('reason'), '', reasonMaxBytes))
    }
  }
  if (exceedsBytes(condition.message, messageMaxBytes)) {
    errors.push(tooLong(path.child('message'), '', messageMaxBytes))
  }
  return errors
}
