import { aggregateFieldErrors, invalid, notSupported, path, type FieldError } from './field-error.ts'
import { compareGoStrings } from './go-format.ts'
import { parseInt64 } from './int64.ts'
import { SelectorError } from './selector-error.ts'
import { labelValueErrors, qualifiedNameErrors } from './validation/names.ts'

/** One condition of a label selector. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  /** One for `=`, `==`, `!=`, `gt` and `lt`; none for `exists` and `!`. */
  readonly values: readonly string[]
}

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!'

export type Labels = Readonly<Record<string, string>> | undefined

/** A requirement that is well-formed, or a SelectorError that says why it is not. */
export function labelRequirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): LabelRequirement {
  const errors = [...keyErrors(key), ...operandErrors(operator, values)]
  values.forEach((value, index) => {
    const messages = labelValueErrors(value)
    const at = path('values').index(index).key(key)
    if (messages.length > 0) errors.push(invalid(at, value, messages.join('; ')))
  })
  if (errors.length > 0) throw new SelectorError(aggregateFieldErrors(errors))
  return { key, operator, values }
}

function keyErrors(key: string): FieldError[] {
  const messages = qualifiedNameErrors(key)
  return messages.length > 0 ? [invalid('key', key, messages.join('; '))] : []
}

function operandErrors(operator: LabelOperator, values: readonly string[]): FieldError[] {
  switch (operator) {
    case 'in':
    case 'notin':
      if (values.length > 0) return []
      // Only those of structured selectors can be none, which are then nil.
      return [invalid('values', null, "for 'in', 'notin' operators, values set can't be empty")]
    case '=':
    case '==':
    case '!=':
      if (values.length === 1) return []
      return [invalid('values', values, 'exact-match compatibility requires one single value')]
    case 'exists':
    case '!':
      if (values.length === 0) return []
      return [invalid('values', values, 'values set must be empty for exists and does not exist')]
    case 'gt':
    case 'lt':
      return orderErrors(values)
    default:
      return [notSupported('operator', operator, ['in', 'notin', '=', '==', '!=', 'gt', 'lt', 'exists', '!'])]
  }
}

function orderErrors(values: readonly string[]): FieldError[] {
  const errors =
    values.length === 1
      ? []
      : [invalid('values', values, "for 'Gt', 'Lt' operators, exactly one value is required")]
  values.forEach((value, index) => {
    if (parseInt64(value) !== undefined) return
    const detail = "for 'Gt', 'Lt' operators, the value must be an integer"
    errors.push(invalid(path('values').index(index), value, detail))
  })
  return errors
}

/** Whether the requirement holds for an object with these labels. */
export function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labelOf(labels, key)
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value)
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt':
      return value !== undefined && isOrdered(operator, value, values[0] ?? '')
  }
}

/** Label maps come from JSON: an inherited property is never a string. */
function labelOf(labels: Labels, key: string): string | undefined {
  const value: unknown = labels?.[key]
  return typeof value === 'string' ? value : undefined
}

function isOrdered(operator: 'gt' | 'lt', value: string, bound: string): boolean {
  const left = parseInt64(value)
  const right = parseInt64(bound)
  if (left === undefined || right === undefined) return false
  return operator === 'gt' ? left > right : left < right
}

const signs: Readonly<Record<LabelOperator, string>> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  gt: '>',
  lt: '<',
  in: ' in ',
  notin: ' notin ',
  exists: '',
  '!': '',
}

/** As it stands in the text form. */
export function formatLabelRequirement({ key, operator, values }: LabelRequirement): string {
  const list = values.toSorted(compareGoStrings).join(',')
  const isSet = operator === 'in' || operator === 'notin'
  return `${operator === '!' ? '!' : ''}${key}${signs[operator]}${isSet ? `(${list})` : list}`
}
