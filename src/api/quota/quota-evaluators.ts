import { groupResource } from '../../machinery/resource.ts'
import { claimQuota } from './claim-quota.ts'
import { podQuota } from './pod-quota.ts'
import { objectCountEvaluator, type QuotaEvaluator } from './quota-evaluator.ts'
import { resourceClaimQuota } from './resource-claim-quota.ts'
import { serviceQuota } from './service-quota.ts'

const special: Readonly<Record<string, QuotaEvaluator>> = {
  pods: podQuota,
  services: serviceQuota,
  persistentvolumeclaims: claimQuota,
  'resourceclaims.resource.k8s.io': resourceClaimQuota,
}
/** Counted under their own name too. */
const aliased: ReadonlySet<string> = new Set([
  'configmaps',
  'resourcequotas',
  'replicationcontrollers',
  'secrets',
])

/** How objects of a resource count. Events count for nothing: undefined. */
export function quotaEvaluatorOf(resource: {
  readonly group: string
  readonly resource: string
}): QuotaEvaluator | undefined {
  const name = groupResource(resource)
  if (name === 'events' || name === 'events.events.k8s.io') return undefined
  return special[name] ?? objectCountEvaluator(resource, aliased.has(name) ? name : undefined)
}
