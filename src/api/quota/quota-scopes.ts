import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../generated/core.v1.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { QuotaEvaluator } from './quota-evaluator.ts'
import type { ResourceList } from './resource-list.ts'

/** All scopes of a quota, the short ones written out. */
export function scopesOf({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' as const })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ]
}

/**
 * Whether an object counts for a quota: it limits a resource that the object uses, and the object is in all its scopes.
 * What counts as limited are the quota's limits as its controller has last seen them, unless told otherwise.
 */
export function countsFor<T extends KubernetesObject>(
  evaluator: QuotaEvaluator<T>,
  quota: ResourceQuota,
  object: T,
  hard: ResourceList = quota.status?.hard ?? {},
): boolean {
  return (
    evaluator.matchingResources(Object.keys(hard)).length > 0 &&
    scopesOf(quota).every((scope) => evaluator.matchesScope(object, scope))
  )
}
