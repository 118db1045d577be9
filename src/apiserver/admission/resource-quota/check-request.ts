import type { ResourceQuota } from '../../../api/generated/core.v1.ts'
import { quotaEvaluatorOf } from '../../../api/quota/quota-evaluators.ts'
import type { QuotaEvaluator } from '../../../api/quota/quota-evaluator.ts'
import { countsFor } from '../../../api/quota/quota-scopes.ts'
import {
  addResources,
  describeResources,
  exceedingResources,
  maskResources,
  negativeResources,
  subtractResources,
  withoutZeros,
  type ResourceList,
} from '../../../api/quota/resource-list.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'

/** How much more of a quota a request would use. */
export interface QuotaCharge {
  readonly quota: ResourceQuota
  readonly delta: ResourceList
}

/** Undefined when the request cannot change what is used. */
export function evaluatorFor(request: AdmissionRequest): QuotaEvaluator | undefined {
  const { operation, subresource, resource } = request
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined
  if (subresource !== '' && !(subresource === 'resize' && resource.resource === 'pods')) return undefined
  const evaluator = quotaEvaluatorOf(resource)
  return evaluator?.handles(operation, subresource) ? evaluator : undefined
}

/**
 * What a request would add to each of `quotas`; those that it does not touch are left out. Throws Forbidden when one of
 * them does not allow it. Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go.
 */
export function checkRequest(
  request: AdmissionRequest,
  evaluator: QuotaEvaluator,
  quotas: readonly ResourceQuota[],
  nowMs: number,
): readonly QuotaCharge[] {
  const object = request.object as KubernetesObject
  const concerned = quotas.filter((quota) => countsFor(evaluator, quota, object))
  for (const quota of concerned) checkCountable(request, evaluator, quota, object)
  if (concerned.length === 0) return []

  const usage = evaluator.usage(object, nowMs)
  const negative = negativeResources(usage)
  if (negative.length > 0) {
    throw refused(request, `quota usage is negative for resource(s): ${negative.join(',')}`)
  }
  return concerned.flatMap((quota) => {
    const delta = withoutZeros(
      maskResources(deltaOf(request, evaluator, quota, usage, nowMs), Object.keys(quota.status?.hard ?? {})),
    )
    if (Object.keys(delta).length === 0) return []
    checkEnough(request, quota, delta)
    return [{ quota, delta }]
  })
}

/** A quota that limits what a pod does not say, or that nobody has summed up yet, cannot be kept. */
function checkCountable(
  request: AdmissionRequest,
  evaluator: QuotaEvaluator,
  quota: ResourceQuota,
  object: KubernetesObject,
): void {
  const name = quota.metadata?.name ?? ''
  const restricted = evaluator.matchingResources(Object.keys(quota.status?.hard ?? {}))
  const fault = evaluator.constraintFault?.(object, restricted)
  if (fault !== undefined) throw refused(request, `failed quota: ${name}: ${fault}`)
  if (restricted.some((resource) => quota.status?.used?.[resource] === undefined)) {
    throw refused(
      request,
      `status unknown for quota: ${name}, resources: ${[...restricted].sort().join(',')}`,
    )
  }
}

/** An update counts for the difference, if the object counted for this quota before. */
function deltaOf(
  { operation, oldObject }: AdmissionRequest,
  evaluator: QuotaEvaluator,
  quota: ResourceQuota,
  usage: ResourceList,
  nowMs: number,
): ResourceList {
  if (operation !== 'UPDATE' || !oldObject || !countsFor(evaluator, quota, oldObject)) return usage
  return subtractResources(usage, evaluator.usage(oldObject, nowMs))
}

function checkEnough(request: AdmissionRequest, quota: ResourceQuota, delta: ResourceList): void {
  const { hard = {}, used = {} } = quota.status ?? {}
  const wanted = maskResources(addResources(used, delta), Object.keys(delta))
  const exceeded = exceedingResources(wanted, hard)
  if (exceeded.length === 0) return
  const part = (list: ResourceList) => describeResources(maskResources(list, exceeded))
  throw refused(
    request,
    `exceeded quota: ${quota.metadata?.name ?? ''}, requested: ${part(delta)}, used: ${part(used)}, limited: ${part(hard)}`,
  )
}
