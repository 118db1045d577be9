import { forbidden, invalid, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
} from '../../../machinery/quantity.ts'
import type { Container, PodSpec } from '../../generated/core.v1.ts'
import { validateResources } from './resources-validation.ts'

/** What the pod as a whole may use: no less than its containers ask for. Source: validatePodResources. */
export function validatePodResources(spec: PodSpec, field: FieldPath): FieldError[] {
  const { resources } = spec
  if (!resources) return []
  const errors: FieldError[] = []
  if (resources.claims)
    errors.push(forbidden(field.child('claims'), 'claims cannot be set for Resources at pod-level'))
  errors.push(...validateResources(resources, field, { isPodLevel: true }))
  for (const [name, asked] of Object.entries(requestsOfContainers(spec))) {
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

type Requests = Record<string, string>

/** The sum of the containers and sidecars, or what the start takes where that is more. */
function requestsOfContainers({ containers, initContainers = [] }: PodSpec): Requests {
  const running: Requests = {}
  const sidecars: Requests = {}
  const starting: Requests = {}
  for (const container of containers) add(running, requestsOf(container))
  for (const container of initContainers) {
    const own: Requests = { ...requestsOf(container) }
    if (container.restartPolicy === 'Always') {
      add(running, own)
      add(sidecars, own)
      raise(starting, sidecars)
    } else {
      add(own, sidecars)
      raise(starting, own)
    }
  }
  raise(running, starting)
  return running
}

function requestsOf({ resources }: Container): Readonly<Requests> {
  return resources?.requests ?? {}
}

function add(total: Requests, amounts: Readonly<Requests>): void {
  for (const [name, amount] of Object.entries(amounts))
    total[name] = total[name] === undefined ? amount : formatQuantity(addQuantity(total[name], amount))
}

function raise(most: Requests, amounts: Readonly<Requests>): void {
  for (const [name, amount] of Object.entries(amounts))
    if (most[name] === undefined || compareQuantity(amount, most[name]) > 0) most[name] = amount
}
