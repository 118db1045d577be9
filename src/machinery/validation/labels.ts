import { forbidden, invalid, required, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import type { LabelSelector, LabelSelectorRequirement } from '../meta.ts'
import { labelValueErrors, qualifiedNameErrors } from './names.ts'

export interface SelectorValidationOptions {
  /** For objects stored when values were not checked. */
  readonly allowInvalidValues?: boolean
  /** For access reviews, which may carry operators of later versions. */
  readonly allowUnknownOperators?: boolean
}

/** A label's key, and condition types and other names that follow its rule. */
export function validateLabelName(name: string, path: FieldPath): FieldError[] {
  return qualifiedNameErrors(name).map((message) => invalid(path, name, message))
}

export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...validateLabelName(key, path))
    for (const message of labelValueErrors(value)) errors.push(invalid(path, value, message))
  }
  return errors
}

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  path: FieldPath,
  options: SelectorValidationOptions = {},
): FieldError[] {
  if (!selector) return []
  const errors = validateLabels(selector.matchLabels, path.child('matchLabels'))
  selector.matchExpressions?.forEach((requirement, index) => {
    const at = path.child('matchExpressions').index(index)
    errors.push(...validateLabelSelectorRequirement(requirement, at, options))
  })
  return errors
}

function validateLabelSelectorRequirement(
  requirement: LabelSelectorRequirement,
  path: FieldPath,
  options: SelectorValidationOptions = {},
): FieldError[] {
  const errors = validateOperator(requirement, path, options)
  errors.push(...validateLabelName(requirement.key, path.child('key')))
  if (options.allowInvalidValues) return errors
  requirement.values?.forEach((value, index) => {
    for (const message of labelValueErrors(value)) {
      errors.push(invalid(path.child('values').index(index), value, message))
    }
  })
  return errors
}

function validateOperator(
  { operator, values = [] }: { readonly operator: string; readonly values?: readonly string[] },
  path: FieldPath,
  { allowUnknownOperators }: SelectorValidationOptions,
): FieldError[] {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length > 0) return []
    return [required(path.child('values'), "must be specified when `operator` is 'In' or 'NotIn'")]
  }
  if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length === 0) return []
    return [
      forbidden(path.child('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
    ]
  }
  if (allowUnknownOperators) return []
  return [invalid(path.child('operator'), operator, 'not a valid selector operator')]
}

/** Whether a stored selector has values that the rules of today refuse. */
export function labelSelectorHasInvalidValue(selector: LabelSelector | undefined): boolean {
  return !!selector?.matchExpressions?.some(({ values = [] }) =>
    values.some((value) => labelValueErrors(value).length > 0),
  )
}
