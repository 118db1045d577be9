import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import type { LabelSelector } from '../../../machinery/meta.ts'
import { labelValueErrors } from '../../../machinery/validation/names.ts'
import { validateLabelName, validateLabelSelector } from '../../../machinery/validation/labels.ts'
import type { Toleration, TopologySpreadConstraint } from '../../generated/core.v1.ts'

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const operators = ['Equal', 'Exists', 'Gt', 'Lt']

/** Source: ValidateTolerations. */
export function validateTolerations(tolerations: readonly Toleration[], field: FieldPath): FieldError[] {
  return tolerations.flatMap(({ key, operator = '', value = '', effect, tolerationSeconds }, index) => {
    const at = field.index(index)
    const errors = key ? validateLabelName(key, at.child('key')) : []
    if (!key && operator !== 'Exists') {
      errors.push(
        invalid(
          at.child('operator'),
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(
        invalid(
          at.child('effect'),
          effect ?? '',
          "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
      )
    }
    switch (operator) {
      case '':
      case 'Equal': {
        const malformed = labelValueErrors(value)
        if (malformed.length > 0) errors.push(invalid(at.child('operator'), value, malformed.join(';')))
        break
      }
      case 'Exists':
        if (value)
          errors.push(invalid(at.child('operator'), value, "value must be empty when `operator` is 'Exists'"))
        break
      case 'Lt':
      case 'Gt':
        if (!/^(0|-?[1-9]\d*)$/.test(value))
          errors.push(
            invalid(
              at.child('value'),
              value,
              `value must be a valid integer when \`operator\` is '${operator}'`,
            ),
          )
        break
      default:
        errors.push(notSupported(at.child('operator'), operator, operators))
    }
    if (effect && !effects.includes(effect)) errors.push(notSupported(at.child('effect'), effect, effects))
    return errors
  })
}

/** Source: validateTopologySpreadConstraints. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[],
  field: FieldPath,
): FieldError[] {
  return constraints.flatMap((constraint, index) => {
    const at = field.index(index)
    const {
      maxSkew,
      topologyKey,
      whenUnsatisfiable,
      minDomains,
      labelSelector,
      matchLabelKeys = [],
    } = constraint
    const errors: FieldError[] = []
    if (maxSkew <= 0) errors.push(invalid(at.child('maxSkew'), maxSkew, 'must be greater than zero'))
    if (!topologyKey) errors.push(required(at.child('topologyKey'), 'can not be empty'))
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
      errors.push(
        notSupported(at.child('whenUnsatisfiable'), whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']),
      )
    }
    const isRepeated = constraints
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable)
    if (isRepeated) {
      errors.push(
        duplicate(at.child('{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`),
      )
    }
    if (minDomains !== undefined && minDomains <= 0)
      errors.push(invalid(at.child('minDomains'), minDomains, 'must be greater than zero'))
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      errors.push(
        invalid(
          at.child('minDomains'),
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
        ),
      )
    }
    for (const name of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[name]
      if (policy !== undefined && !['Honor', 'Ignore'].includes(policy))
        errors.push(notSupported(at.child(name), policy, ['Honor', 'Ignore']))
    }
    errors.push(...matchLabelKeysErrors(matchLabelKeys, labelSelector, at.child('matchLabelKeys')))
    if (labelSelector) errors.push(...validateLabelSelector(labelSelector, at.child('labelSelector')))
    return errors
  })
}

function matchLabelKeysErrors(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  at: FieldPath,
): FieldError[] {
  if (keys.length === 0) return []
  const errors: FieldError[] = []
  if (!selector) errors.push(forbidden(at, 'must not be specified when labelSelector is not set'))
  // What the keys stand for is in the selector already: a second mention is the author's own.
  const selected = new Set(Object.keys(selector?.matchLabels ?? {}))
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = keys.lastIndexOf(key)
    if (index >= 0 && selected.has(key))
      errors.push(invalid(at.index(index), key, 'exists in both matchLabelKeys and labelSelector'))
    selected.add(key)
  }
  return [...keys.flatMap((key, index) => validateLabelName(key, at.index(index))), ...errors]
}
