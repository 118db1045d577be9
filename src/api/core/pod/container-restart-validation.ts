import {
  duplicate,
  invalid,
  notSupported,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import type { Container, EphemeralContainer, PodSpec } from '../../generated/core.v1.ts'

type AnyContainer = Container | EphemeralContainer

const resizeRestartPolicies = ['NotRequired', 'RestartContainer']
const resizable = ['cpu', 'memory']

/** Whether a container restarts when its resources change. Source: validateResizePolicy. */
export function validateResizePolicy(
  { resizePolicy: policies = [] }: AnyContainer,
  { restartPolicy: podRestartPolicy }: PodSpec,
  field: FieldPath,
): FieldError[] {
  const seen = new Set<string>()
  return policies.flatMap(({ resourceName, restartPolicy }, index) => {
    const errors: FieldError[] = []
    if (seen.has(resourceName)) errors.push(duplicate(field.index(index), resourceName))
    seen.add(resourceName)
    if (!resourceName) errors.push(required(field))
    else if (!resizable.includes(resourceName)) errors.push(notSupported(field, resourceName, resizable))
    if (!restartPolicy) errors.push(required(field))
    else if (!resizeRestartPolicies.includes(restartPolicy))
      errors.push(notSupported(field, restartPolicy, resizeRestartPolicies))
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      const detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
      errors.push(invalid(field, restartPolicy, detail))
    }
    return errors
  })
}

const maxRules = 20
const maxCodes = 255
const policies = ['Always', 'Never', 'OnFailure']
const actions = ['Restart', 'RestartAllContainers']
const codeOperators = ['In', 'NotIn']

/** A container's own restart policy, and what it does when it ends with some codes. */
export function validateRestart(
  { restartPolicy, restartPolicyRules: rules = [] }: AnyContainer,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const policyAt = field.child('restartPolicy')
  if (restartPolicy !== undefined && !policies.includes(restartPolicy))
    errors.push(notSupported(policyAt, restartPolicy, policies))
  if (rules.length === 0) return errors
  if (restartPolicy === undefined)
    errors.push(required(policyAt, 'must specify restartPolicy when restart rules are used'))
  const at = field.child('restartPolicyRules')
  if (rules.length > maxRules) errors.push(tooMany(at, rules.length, maxRules))
  for (const [index, { action, exitCodes }] of rules.entries()) {
    const rule = at.index(index)
    if (!actions.includes(action)) errors.push(notSupported(rule.child('action'), action, actions))
    if (!exitCodes) {
      errors.push(required(rule.child('exitCodes'), 'must be specified'))
      continue
    }
    const { operator, values = [] } = exitCodes
    const codes = rule.child('exitCodes')
    if (!codeOperators.includes(operator))
      errors.push(notSupported(codes.child('operator'), operator, codeOperators))
    if (values.length === 0) errors.push(required(codes.child('values'), 'must specify at least one value'))
    if (values.length > maxCodes) errors.push(tooMany(codes.child('values'), values.length, maxCodes))
  }
  return errors
}
