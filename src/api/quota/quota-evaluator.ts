import type { ScopedResourceSelectorRequirement } from '../generated/core.v1.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { ResourceList } from './resource-list.ts'

/**
 * What objects of one resource count for in quotas; used when one is made and when a quota is summed up.
 * Source: kubernetes/pkg/quota/v1/evaluator.
 */
export interface QuotaEvaluator<T extends KubernetesObject = KubernetesObject> {
  /** Whether writing an object can change how much is used. */
  handles(operation: 'CREATE' | 'UPDATE', subresource: string): boolean
  /** Those of the names in a quota that such objects count for. */
  matchingResources(names: readonly string[]): readonly string[]
  /** `nowMs` in milliseconds since the epoch. */
  usage(object: T, nowMs: number): ResourceList
  /** Whether the object is in a scope. */
  matchesScope(object: T, scope: ScopedResourceSelectorRequirement): boolean
  /** Why the object cannot be counted although the quota demands it, or undefined. */
  constraintFault?(object: T, required: readonly string[]): string | undefined
}

/** Every object counts one, and is in no scope. Good for all resources, custom ones too. */
export function objectCountEvaluator(
  { group, resource }: { readonly group: string; readonly resource: string },
  /** An older name under which the same is counted: `secrets` for `count/secrets`. */
  alias?: string,
): QuotaEvaluator {
  const names = [objectCountName(group, resource), ...(alias ? [alias] : [])]
  return {
    handles: (operation, subresource) => operation === 'CREATE' && subresource === '',
    matchingResources: (wanted) => wanted.filter((name) => names.includes(name)),
    usage: () => Object.fromEntries(names.map((name) => [name, '1'])),
    matchesScope: () => false,
  }
}

/** `count/deployments.apps`. */
function objectCountName(group: string, resource: string): string {
  return group === '' ? `count/${resource}` : `count/${resource}.${group}`
}
