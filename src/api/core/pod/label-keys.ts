import type { LabelSelector, Writable } from '../../../machinery/meta.ts'
import type { Pod } from '../../generated/core.v1.ts'

interface WithKeys {
  labelSelector?: Writable<LabelSelector>
  readonly matchLabelKeys?: readonly string[]
  readonly mismatchLabelKeys?: readonly string[]
}

/**
 * Writes out what matchLabelKeys and mismatchLabelKeys stand for, which is the new pod's own values of these labels, as
 * requirements of the selectors beside them. Source: mutatePodAffinity and mutateTopologySpreadConstraints.
 */
export function mergeLabelKeys({ metadata, spec }: Writable<Pod>): void {
  for (const owner of withKeys(spec)) merge(owner, metadata?.labels ?? {})
}

function withKeys(spec: Writable<Pod>['spec']): WithKeys[] {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {}
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ])
  return [...terms, ...(spec?.topologySpreadConstraints ?? [])]
}

/** No selector selects nothing, and stays. */
function merge(owner: WithKeys, labels: Readonly<Record<string, string>>): void {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = owner
  const requirements = [
    ...requirementsOf(matchLabelKeys, 'In', labels),
    ...requirementsOf(mismatchLabelKeys, 'NotIn', labels),
  ]
  if (!labelSelector || requirements.length === 0) return
  owner.labelSelector = {
    ...labelSelector,
    matchExpressions: [...(labelSelector.matchExpressions ?? []), ...requirements],
  }
}

function requirementsOf(
  keys: readonly string[],
  operator: 'In' | 'NotIn',
  labels: Readonly<Record<string, string>>,
) {
  return keys.flatMap((key) => {
    const value = labels[key]
    return value === undefined ? [] : [{ key, operator, values: [value] }]
  })
}
