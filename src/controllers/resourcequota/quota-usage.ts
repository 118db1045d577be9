import type { ResourceQuota } from '../../api/generated/core.v1.ts'
import type { QuotaEvaluator } from '../../api/quota/quota-evaluator.ts'
import { countsFor } from '../../api/quota/quota-scopes.ts'
import { addResources, maskResources, type ResourceList } from '../../api/quota/resource-list.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'

/** Objects of one resource in the quota's namespace, and how they count. */
export interface Counted {
  readonly evaluator: QuotaEvaluator
  readonly objects: readonly KubernetesObject[]
}

/** How much of what the quota limits is used; limits that nothing counts for are left out. */
export function quotaUsage(quota: ResourceQuota, counted: readonly Counted[], nowMs: number): ResourceList {
  const hard = quota.spec?.hard ?? {}
  let used: ResourceList = {}
  for (const { evaluator, objects } of counted) {
    const names = evaluator.matchingResources(Object.keys(hard))
    used = addResources(used, Object.fromEntries(names.map((name) => [name, '0'])))
    for (const object of objects) {
      if (countsFor(evaluator, quota, object, hard))
        used = addResources(used, maskResources(evaluator.usage(object, nowMs), names))
    }
  }
  return maskResources(used, Object.keys(hard))
}
