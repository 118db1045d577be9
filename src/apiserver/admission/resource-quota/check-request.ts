import type { ResourceQuota } from '../../../api/generated/core.v1.ts'
import { quotaEvaluatorOf } from '../../../api/quota/quota-evaluators.ts'
import type { QuotaEvaluator } from '../../../api/quota/quota-evaluator.ts'
import { countsFor, scopesOf } from '../../../api/quota/quota-scopes.ts'
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
import { plainError } from '../plain-error.ts'
import { refused } from '../refuse.ts'
import { demandOf, describeScopes, type Demand, type LimitedResource } from './limited-resources.ts'

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
  limited: readonly LimitedResource[] = [],
): readonly QuotaCharge[] {
  const object = request.object as KubernetesObject
  const concerned = quotas.filter((quota) => countsFor(evaluator, quota, object))
  for (const quota of concerned) checkCountable(request, evaluator, quota, object)
  if (concerned.length === 0 && limited.length === 0) return []

  const usage = evaluator.usage(object, nowMs)
  const negative = negativeResources(usage)
  if (negative.length > 0) {
    throw refused(request, `quota usage is negative for resource(s): ${negative.join(',')}`)
  }
  if (limited.length > 0 && changes(request, evaluator, usage, nowMs)) {
    const demand = demandOf(limited, request.resource, { evaluator, object, usage })
    checkCovered(request, evaluator, demand, { quotas, concerned })
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

/** Whether the write makes any difference to what is used. */
function changes(
  { operation, oldObject }: AdmissionRequest,
  evaluator: QuotaEvaluator,
  usage: ResourceList,
  nowMs: number,
): boolean {
  const before = operation === 'UPDATE' && oldObject ? evaluator.usage(oldObject, nowMs) : {}
  return Object.keys(withoutZeros(subtractResources(usage, before))).length > 0
}

/** What may only be used where a quota says how much must be in one. */
function checkCovered(
  request: AdmissionRequest,
  evaluator: QuotaEvaluator,
  demand: Demand,
  {
    quotas,
    concerned,
  }: { readonly quotas: readonly ResourceQuota[]; readonly concerned: readonly ResourceQuota[] },
): void {
  const restricted = new Set(
    concerned.flatMap(({ status }) => evaluator.matchingResources(Object.keys(status?.hard ?? {}))),
  )
  const uncovered = demand.resources.filter((name) => !restricted.has(name)).sort()
  if (uncovered.length > 0) throw refused(request, `insufficient quota to consume: ${uncovered.join(',')}`)
  const object = request.object as KubernetesObject
  const covered = new Set(
    quotas
      .flatMap(scopesOf)
      .filter((scope) => evaluator.matchesScope(object, scope))
      .map(({ scopeName }) => scopeName),
  )
  const scopes = demand.scopes.filter(({ scopeName }) => !covered.has(scopeName))
  if (scopes.length > 0) {
    throw plainError(`insufficient quota to match these scopes: ${describeScopes(scopes)}`)
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
