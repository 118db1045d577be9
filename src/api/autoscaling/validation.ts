import {
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { parseApiVersion } from '../../machinery/resource.ts'
import { quantitySign } from '../../machinery/quantity.ts'
import type {
  CrossVersionObjectReference,
  HPAScalingRules,
  HorizontalPodAutoscalerSpec,
} from '../generated/autoscaling.v2.ts'
import { validateMetrics } from './metric-validation.ts'
import { validateObjectReference } from './object-reference.ts'

const maxStabilizationWindowSeconds = 3600
const maxPolicyPeriodSeconds = 1800
const selectPolicies = ['Disabled', 'Max', 'Min']
const policyTypes = ['Percent', 'Pods']

/** Source: kubernetes/pkg/apis/autoscaling/validation. */
export function validateAutoscalerSpec(
  spec: HorizontalPodAutoscalerSpec | undefined,
  at: FieldPath,
  previous?: HorizontalPodAutoscalerSpec,
): FieldError[] {
  if (!spec) return [required(at)]
  const { minReplicas, maxReplicas, behavior } = spec
  const errors: FieldError[] = []
  // Scaling to zero is not offered; who was allowed to once may go on.
  const lowest = previous?.minReplicas === 0 ? 0 : 1
  if (minReplicas !== undefined && minReplicas < lowest)
    errors.push(invalid(at.child('minReplicas'), minReplicas, `must be greater than or equal to ${lowest}`))
  if (maxReplicas < 1) errors.push(invalid(at.child('maxReplicas'), maxReplicas, 'must be greater than 0'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    const detail = 'must be greater than or equal to `minReplicas`'
    errors.push(invalid(at.child('maxReplicas'), maxReplicas, detail))
  }
  errors.push(
    ...validateObjectReference(spec.scaleTargetRef, at.child('scaleTargetRef')),
    ...validateTargetVersion(
      spec.scaleTargetRef,
      previous?.scaleTargetRef,
      at.child('scaleTargetRef', 'apiVersion'),
    ),
    ...validateMetrics(spec.metrics ?? [], minReplicas, at.child('metrics')),
  )
  if (behavior) {
    const field = at.child('behavior')
    errors.push(
      ...validateScalingRules(behavior.scaleUp, field.child('scaleUp')),
      ...validateScalingRules(behavior.scaleDown, field.child('scaleDown')),
    )
  }
  return errors
}

/** The kind and version of old may stay, whatever they are. */
function validateTargetVersion(
  target: CrossVersionObjectReference | undefined,
  previous: CrossVersionObjectReference | undefined,
  at: FieldPath,
): FieldError[] {
  const { apiVersion = '', kind = '' } = target ?? {}
  if (previous && (previous.apiVersion ?? '') === apiVersion && previous.kind === kind) return []
  const parsed = parseApiVersion(apiVersion)
  if (!parsed) return [invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)]
  // The one kind of the core group that scales; it may be named without a version, too.
  if (parsed.group !== '' || kind === 'ReplicationController') return []
  return [invalid(at, apiVersion, 'apiVersion must specify API group')]
}

function validateScalingRules(rules: HPAScalingRules | undefined, at: FieldPath): FieldError[] {
  if (!rules) return []
  const { stabilizationWindowSeconds: window, selectPolicy, policies, tolerance } = rules
  const errors: FieldError[] = []
  const windowAt = at.child('stabilizationWindowSeconds')
  if (window !== undefined && window < 0)
    errors.push(invalid(windowAt, window, 'must be greater than or equal to zero'))
  if (window !== undefined && window > maxStabilizationWindowSeconds)
    errors.push(invalid(windowAt, window, `must be less than or equal to ${maxStabilizationWindowSeconds}`))
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy))
    errors.push(notSupported(at.child('selectPolicy'), selectPolicy, selectPolicies))
  if (!policies?.length) errors.push(required(at.child('policies'), 'must specify at least one Policy'))
  for (const [index, policy] of (policies ?? []).entries()) {
    const field = at.child('policies').index(index)
    if (!policyTypes.includes(policy.type))
      errors.push(notSupported(field.child('type'), policy.type, policyTypes))
    if (policy.value <= 0)
      errors.push(invalid(field.child('value'), policy.value, 'must be greater than zero'))
    const period = field.child('periodSeconds')
    if (policy.periodSeconds <= 0)
      errors.push(invalid(period, policy.periodSeconds, 'must be greater than zero'))
    if (policy.periodSeconds > maxPolicyPeriodSeconds) {
      const detail = `must be less than or equal to ${maxPolicyPeriodSeconds}`
      errors.push(invalid(period, policy.periodSeconds, detail))
    }
  }
  if (tolerance !== undefined && quantitySign(tolerance) < 0)
    errors.push(invalid(at.child('tolerance'), tolerance, 'must be greater or equal to zero'))
  return errors
}
