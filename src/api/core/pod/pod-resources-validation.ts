import { forbidden, invalid, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { canonicalQuantity, compareQuantity } from '../../../machinery/quantity.ts'
import type { PodSpec } from '../../generated/core.v1.ts'
import { amountsOfContainers } from './container-amounts.ts'
import { validateResources } from './resources-validation.ts'

/** What the pod as a whole may use: no less than its containers ask for. Source: validatePodResources. */
export function validatePodResources(spec: PodSpec, field: FieldPath): FieldError[] {
  const { resources } = spec
  if (!resources) return []
  const errors: FieldError[] = []
  if (resources.claims)
    errors.push(forbidden(field.child('claims'), 'claims cannot be set for Resources at pod-level'))
  errors.push(...validateResources(resources, field, { isPodLevel: true }))
  for (const [name, asked] of Object.entries(amountsOfContainers(spec, 'requests'))) {
    const allowed = resources.requests?.[name] ?? '0'
    if (compareQuantity(asked, allowed) <= 0) continue
    const detail = `must be greater than or equal to aggregate container requests of ${canonicalQuantity(asked)}`
    errors.push(invalid(field.child('requests').key(name), canonicalQuantity(allowed), detail))
  }
  for (const [index, container] of spec.containers.entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const most = resources.limits?.[name]
      if (most === undefined || compareQuantity(limit, most) <= 0) continue
      const at = field.child('containers').index(index).key(name).child('limits')
      const detail = `must be less than or equal to pod limits of ${canonicalQuantity(most)}`
      errors.push(invalid(at, canonicalQuantity(limit), detail))
    }
  }
  return errors
}
