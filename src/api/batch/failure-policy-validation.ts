import {
  duplicate,
  invalid,
  invalidWithoutValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { goQuoteList } from '../../machinery/go-format.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../generated/batch.v1.ts'

const maxRules = 20
const maxExitCodes = 255
const maxPatterns = 20
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const operators = ['In', 'NotIn']
const statuses = ['False', 'True', 'Unknown']

/** What becomes of a Job when a pod fails. Source: kubernetes/pkg/apis/batch/validation, validatePodFailurePolicy. */
export function validateFailurePolicy(spec: JobSpec, at: FieldPath): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? []
  const field = at.child('rules')
  const errors = rules.length > maxRules ? [tooMany(field, rules.length, maxRules)] : []
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {}
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  return [...errors, ...rules.flatMap((rule, index) => ruleErrors(rule, spec, names, field.index(index)))]
}

function ruleErrors(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  containers: ReadonlySet<string>,
  at: FieldPath,
): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule
  const errors: FieldError[] = []
  if (!action) errors.push(required(at.child('action'), `valid values: ${goQuoteList(actions)}`))
  else if (!actions.includes(action)) errors.push(notSupported(at.child('action'), action, actions))
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    const detail = 'requires the backoffLimitPerIndex to be set'
    errors.push(invalid(at.child('action'), action, detail))
  }
  if (onExitCodes) errors.push(...exitCodeErrors(onExitCodes, containers, at.child('onExitCodes')))
  const patterns = at.child('onPodConditions')
  if (onPodConditions.length > maxPatterns)
    errors.push(tooMany(patterns, onPodConditions.length, maxPatterns))
  for (const [index, { type, status }] of onPodConditions.entries()) {
    const field = patterns.index(index)
    errors.push(...qualifiedNameErrors(type).map((message) => invalid(field.child('type'), type, message)))
    if (!status) errors.push(required(field.child('status'), `valid values: ${goQuoteList(statuses)}`))
    else if (!statuses.includes(status)) errors.push(notSupported(field.child('status'), status, statuses))
  }
  if (onExitCodes && onPodConditions.length > 0)
    errors.push(invalidWithoutValue(at, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  if (!onExitCodes && onPodConditions.length === 0) {
    errors.push(invalidWithoutValue(at, 'specifying one of OnExitCodes and OnPodConditions is required'))
  }
  return errors
}

function exitCodeErrors(
  { operator, values, containerName }: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (!operator) errors.push(required(at.child('operator'), `valid values: ${goQuoteList(operators)}`))
  else if (!operators.includes(operator)) errors.push(notSupported(at.child('operator'), operator, operators))
  if (containerName !== undefined && !containers.has(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalid(at.child('containerName'), containerName, detail))
  }
  const field = at.child('values')
  if (values.length === 0) errors.push(invalid(field, values, 'at least one value is required'))
  if (values.length > maxExitCodes) errors.push(tooMany(field, values.length, maxExitCodes))
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0)
      errors.push(invalid(field.index(index), value, 'must not be 0 for the In operator'))
    if (values.indexOf(value) !== index) errors.push(duplicate(field.index(index), value))
  }
  const isOrdered = values.every((value, index) => index === 0 || values[index - 1]! <= value)
  return isOrdered ? errors : [...errors, invalid(field, values, 'must be ordered')]
}
