import { matchesNodeAffinity } from '../../api/core/node-affinity.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import type { TopologySpreadConstraint } from '../../api/generated/core.v1.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import { maxNodeScore, type NodeFilter, type NodeScore, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { Domains } from '../nodes/topology.ts'
import type { PodInfo } from '../pod-info.ts'

/** Spreads pods that match a selector evenly over the values of a node label. */
export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  filter(pod, nodes) {
    const constraints = constraintsOf(pod, 'DoNotSchedule')
    return constraints.length === 0 ? undefined : filterBy(constraints, pod, nodes)
  },
  score(pod, nodes) {
    const constraints = constraintsOf(pod, 'ScheduleAnyway')
    return constraints.length === 0 ? undefined : scoreBy(constraints, pod, nodes)
  },
  mayHelp(change, pod) {
    if (change.type === 'nodeAdded' || change.type === 'podUpdated') return true
    if (change.type === 'nodeUpdated') {
      return constraintsOf(pod, 'DoNotSchedule').some(
        ({ topologyKey }) =>
          change.node.metadata?.labels?.[topologyKey] !== change.previous.metadata?.labels?.[topologyKey],
      )
    }
    if (change.type === 'namespaceUpdated') return false
    return (
      change.pod.namespace === pod.namespace &&
      constraintsOf(pod, 'DoNotSchedule').some((constraint) =>
        selectorOf(constraint, pod).matches(change.pod),
      )
    )
  },
}

function constraintsOf({ pod }: PodInfo, whenUnsatisfiable: string): readonly TopologySpreadConstraint[] {
  return (pod.spec?.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable,
  )
}

/** matchLabelKeys stand for the pod's own values of these labels. Pods that are being deleted do not count. */
function selectorOf({ labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint, pod: PodInfo) {
  const own = matchLabelKeys.flatMap((key) => {
    const value = pod.labels[key]
    return value === undefined ? [] : [{ key, operator: 'In' as const, values: [value] }]
  })
  const selector: LabelSelector | undefined =
    own.length === 0
      ? labelSelector
      : { ...labelSelector, matchExpressions: [...(labelSelector?.matchExpressions ?? []), ...own] }
  const parsed = fromLabelSelector(selector)
  return {
    id: `spread ${pod.namespace} ${JSON.stringify(selector)}`,
    matches: (other: PodInfo) =>
      other.namespace === pod.namespace &&
      !other.pod.metadata?.deletionTimestamp &&
      matchesLabels(parsed, other.labels),
  }
}

/** Matching pods per value of a constraint's key, over the nodes that the constraint counts. */
interface Spread {
  readonly constraint: TopologySpreadConstraint
  readonly domains: Domains
  readonly perDomain: Int32Array
  /** Domains with at least one node that counts. */
  readonly present: Uint8Array
  readonly domainCount: number
  /** 1 when the pod counts towards its own constraint. */
  readonly selfMatch: number
}

function spreadOf(
  constraint: TopologySpreadConstraint,
  pod: PodInfo,
  nodes: NodeTable,
  counts: (node: number) => boolean,
): Spread {
  const query = selectorOf(constraint, pod)
  const perNode = nodes.counts.of(query)
  const domains = nodes.topology.of(constraint.topologyKey)
  const perDomain = new Int32Array(domains.size)
  const present = new Uint8Array(domains.size)
  const honorsTaints = constraint.nodeTaintsPolicy === 'Honor'
  const honorsAffinity = constraint.nodeAffinityPolicy !== 'Ignore'
  let domainCount = 0
  for (const node of nodes.indexes) {
    const domain = domains.ids[node]!
    if (domain < 0 || !counts(node)) continue
    if (honorsAffinity && !matchesNodeAffinity(pod.pod, nodes.nodes[node]!)) continue
    if (honorsTaints && !toleratesTaints(pod, node, nodes)) continue
    if (!present[domain]) domainCount++
    present[domain] = 1
    perDomain[domain]! += perNode[node]!
  }
  return { constraint, domains, perDomain, present, domainCount, selfMatch: query.matches(pod) ? 1 : 0 }
}

function toleratesTaints({ pod }: PodInfo, node: number, { nodes }: NodeTable): boolean {
  const taints = (nodes[node]!.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule')
  return findUntolerated(taints, pod.spec?.tolerations ?? []) === undefined
}

function hasAllKeys(
  constraints: readonly TopologySpreadConstraint[],
  nodes: NodeTable,
): (node: number) => boolean {
  const columns = constraints.map(({ topologyKey }) => nodes.topology.of(topologyKey))
  return (node) => columns.every(({ ids }) => ids[node]! >= 0)
}

function filterBy(
  constraints: readonly TopologySpreadConstraint[],
  pod: PodInfo,
  nodes: NodeTable,
): NodeFilter {
  const hasKeys = hasAllKeys(constraints, nodes)
  const spreads = constraints.map((constraint) => {
    const spread = spreadOf(constraint, pod, nodes, hasKeys)
    return { ...spread, least: leastOf(spread) }
  })
  const exceeds = (
    { constraint, domains, perDomain, selfMatch, least }: (typeof spreads)[number],
    node: number,
  ) => (perDomain[domains.ids[node]!] ?? 0) + selfMatch - least > constraint.maxSkew
  return {
    fits: (node) => spreads.every((spread) => spread.domains.ids[node]! >= 0 && !exceeds(spread, node)),
    refusal(node) {
      const refused = "node(s) didn't match pod topology spread constraints"
      if (spreads.every(({ domains }) => domains.ids[node]! >= 0)) return { reasons: [refused] }
      return { reasons: [`${refused} (missing required label)`], unresolvable: true }
    },
  }
}

/** The smallest count of any domain; 0 while there are fewer domains than minDomains. */
function leastOf({ constraint, perDomain, present, domainCount }: Spread): number {
  if (domainCount < (constraint.minDomains ?? 1)) return 0
  let least = Infinity
  perDomain.forEach((count, domain) => {
    if (present[domain] && count < least) least = count
  })
  return least
}

function scoreBy(
  constraints: readonly TopologySpreadConstraint[],
  pod: PodInfo,
  nodes: NodeTable,
): NodeScore {
  const hasKeys = hasAllKeys(constraints, nodes)
  const spreads = constraints.map((constraint) => {
    const spread = spreadOf(constraint, pod, nodes, hasKeys)
    // Few domains weigh more, so that spreading over zones is not drowned by spreading over nodes.
    return { ...spread, weight: Math.log(spread.domainCount + 2) }
  })
  return {
    raw(node) {
      if (!hasKeys(node)) return -1
      let cost = 0
      for (const { constraint, domains, perDomain, weight } of spreads) {
        cost += (perDomain[domains.ids[node]!] ?? 0) * weight + (constraint.maxSkew - 1)
      }
      return Math.round(cost)
    },
    finish: scaleByLeast,
  }
}

/** The least cost gets 100; nodes without the labels (-1) get nothing. */
function scaleByLeast(scores: Float64Array): void {
  const known = scores.filter((score) => score >= 0)
  const least = Math.min(...known)
  const greatest = Math.max(...known)
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!
    if (score < 0) scores[index] = 0
    else
      scores[index] =
        greatest === 0 ? maxNodeScore : Math.floor((maxNodeScore * (greatest + least - score)) / greatest)
  }
}
