import { forbidden, invalid, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { Quantity } from '../../machinery/meta.ts'
import {
  addQuantity,
  compareQuantity,
  formatQuantity,
  quantitySign,
  quantityValue,
} from '../../machinery/quantity.ts'
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, Device } from '../generated/resource.v1.ts'
import { validateList } from './list-rules.ts'
import { validateQualifiedName } from './names.ts'
import { shownKey } from './shown-key.ts'

const maxValidValues = 10

/** What a device has, and how much of it a request may take. */
export function validateCapacities(device: Device, at: FieldPath): FieldError[] {
  return Object.entries(device.capacity ?? {}).flatMap(([name, { value, requestPolicy }]) => {
    const errors = validateQualifiedName(name, at)
    if (!requestPolicy) return errors
    const field = at.key(shownKey(name)).child('requestPolicy')
    if (!device.allowMultipleAllocations)
      return [...errors, forbidden(field, 'allowMultipleAllocations must be true')]
    return [...errors, ...validatePolicy(value, requestPolicy, field)]
  })
}

function validatePolicy(capacity: Quantity, policy: CapacityRequestPolicy, at: FieldPath): FieldError[] {
  const { default: standard, validValues = [], validRange } = policy
  if (validValues.length > 0 && validRange) {
    const detail =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
    return [forbidden(at, detail)]
  }
  if (validValues.length > 0) {
    return standard
      ? validateValues(standard, capacity, validValues, at.child('validValues'))
      : [required(at.child('default'), 'required when validValues is defined')]
  }
  if (!validRange) return []
  return standard
    ? validateRange(standard, capacity, validRange, at.child('validRange'))
    : [required(at.child('default'), 'required when validRange is defined')]
}

function validateValues(
  standard: Quantity,
  capacity: Quantity,
  values: readonly Quantity[],
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, value] of values.entries()) {
    const before = values[index - 1]
    if (before !== undefined && compareQuantity(before, value) > 0)
      errors.push(invalid(at.index(index), value, 'values must be sorted in ascending order'))
  }
  let hasDefault = false
  const list = validateList(values, at, {
    max: maxValidValues,
    // Whole numbers, as for Quantity.Value, that fractions are rounded up to.
    key: (value) => String(quantityValue(value)),
    item(value, field) {
      hasDefault ||= compareQuantity(value, standard) === 0
      const detail = `option is larger than capacity value: ${capacity}`
      return compareQuantity(value, capacity) > 0 ? [invalid(field, value, detail)] : []
    },
  })
  errors.push(...list)
  if (!hasDefault)
    errors.push(invalid(at, standard, 'default value is not valid according to the requestPolicy'))
  return errors
}

function validateRange(
  standard: Quantity,
  capacity: Quantity,
  { min, max, step }: CapacityRequestPolicyRange,
  at: FieldPath,
): FieldError[] {
  if (min === undefined) return [required(at.child('min'), 'required when validRange is defined')]
  const errors: FieldError[] = []
  const isLarger = (a: Quantity, b: Quantity) => compareQuantity(a, b) > 0
  if (isLarger(min, capacity))
    errors.push(invalid(at.child('min'), min, `min is larger than capacity value: ${capacity}`))
  if (isLarger(min, standard))
    errors.push(invalid(at.child('min'), standard, `default is less than min: ${min}`))
  if (max !== undefined) {
    const field = at.child('max')
    if (isLarger(min, max)) errors.push(invalid(field, min, `min is larger than max: ${max}`))
    if (isLarger(max, capacity))
      errors.push(invalid(field, max, `max is larger than capacity value: ${capacity}`))
    if (isLarger(standard, max)) errors.push(invalid(field, standard, `default is more than max: ${max}`))
  }
  if (step === undefined) return errors
  const field = at.child('step')
  if (quantitySign(step) <= 0) return [...errors, invalid(field, step, 'must be greater than zero')]
  const first = addQuantity(min, step)
  if (compareQuantity(first, capacity) > 0) {
    const detail = `one step ${formatQuantity(first)} is larger than capacity value: ${capacity}`
    errors.push(invalid(field, step, detail))
  }
  for (const value of max === undefined ? [standard] : [standard, max]) {
    if ((quantityValue(value) - quantityValue(min)) % quantityValue(step) === 0) continue
    errors.push(invalid(field, value, `value is not a multiple of a given step (${step}) from (${min})`))
  }
  return errors
}
