import type { Pod } from '../../api/generated/core.v1.ts'
import { replicaSets, replicationControllers, services, statefulSets } from '../../api/generated/resources.ts'
import { fromLabelSelector, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import type { PluginHandle } from '../framework.ts'

export interface SelectorOfOwners {
  /** The same for pods that belong together. */
  readonly id: string
  readonly selector: ParsedLabelSelector
}

/**
 * Which pods belong together with a pod, by the Services that select it and the controller that owns it; undefined when
 * there is neither. Source: kube-scheduler's helper.DefaultSelector.
 */
export function createSelectorOfOwners({ cache }: PluginHandle): (pod: Pod) => SelectorOfOwners | undefined {
  const serviceCache = cache(services)
  const replicationControllerCache = cache(replicationControllers)
  const replicaSetCache = cache(replicaSets)
  const statefulSetCache = cache(statefulSets)

  function labelsOfServices({ metadata }: Pod): Record<string, string> {
    const labels: Record<string, string> = {}
    const own = metadata?.labels ?? {}
    for (const { spec } of serviceCache.list(metadata?.namespace)) {
      const selector = Object.entries(spec?.selector ?? {})
      if (selector.length > 0 && selector.every(([key, value]) => own[key] === value))
        Object.assign(labels, spec!.selector)
    }
    return labels
  }

  function selectorOfController({ metadata }: Pod): LabelSelector | undefined {
    const owner = metadata?.ownerReferences?.find(({ controller }) => controller)
    const key = `${metadata?.namespace}/${owner?.name}`
    switch (owner && `${owner.apiVersion}/${owner.kind}`) {
      case 'v1/ReplicationController': {
        const matchLabels = replicationControllerCache.get(key)?.spec?.selector
        return matchLabels && { matchLabels }
      }
      case 'apps/v1/ReplicaSet':
        return replicaSetCache.get(key)?.spec?.selector
      case 'apps/v1/StatefulSet':
        return statefulSetCache.get(key)?.spec?.selector
      default:
        return undefined
    }
  }

  return (pod) => {
    const owned = selectorOfController(pod)
    const matchLabels = { ...labelsOfServices(pod), ...owned?.matchLabels }
    const matchExpressions = owned?.matchExpressions ?? []
    if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) return undefined
    const selector = { matchLabels, ...(matchExpressions.length > 0 && { matchExpressions }) }
    return { id: JSON.stringify(selector), selector: fromLabelSelector(selector) }
  }
}
