import { matchesNodeAffinity } from '../../api/core/node-affinity.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import type { TopologySpreadConstraint } from '../../api/generated/core.v1.ts'
import { fromLabelSelector, matchesLabels, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import {
  maxNodeScore,
  type NodeFilter,
  type NodeScore,
  type Plugin,
  type PluginHandle,
} from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { PodQuery } from '../nodes/pod-counts.ts'
import type { Domains } from '../nodes/topology.ts'
import type { PodInfo } from '../pod-info.ts'
import { createSelectorOfOwners } from './selector-of-owners.ts'

const hostname = 'kubernetes.io/hostname'

export interface PodTopologySpreadArgs {
  /** For pods that have no constraints: the built-in ones, or `defaultConstraints`. */
  readonly defaultingType: 'System' | 'List'
  /** Without labelSelector: that of the Services and the controller of the pod is meant. */
  readonly defaultConstraints?: readonly TopologySpreadConstraint[]
}

export const podTopologySpreadArgs: PodTopologySpreadArgs = { defaultingType: 'System' }

const systemConstraints: readonly TopologySpreadConstraint[] = [
  { topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
]

/** A constraint with the pods that it counts. */
interface Constraint {
  readonly spec: TopologySpreadConstraint
  readonly query: PodQuery
}

/** Spreads pods that match a selector evenly over the values of a node label. */
export function createPodTopologySpread(handle: PluginHandle, args: PodTopologySpreadArgs): Plugin {
  const isSystem = args.defaultingType === 'System'
  const defaults = isSystem ? systemConstraints : (args.defaultConstraints ?? [])
  const selectorOfOwners = createSelectorOfOwners(handle)

  function constraintsOf(pod: PodInfo, whenUnsatisfiable: string): readonly Constraint[] {
    const own = pod.pod.spec?.topologySpreadConstraints ?? []
    const specs = (own.length > 0 ? own : defaults).filter(
      (constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable,
    )
    if (specs.length === 0) return []
    if (own.length > 0) return specs.map((spec) => ({ spec, query: ownQuery(spec, pod) }))
    const selector = selectorOfOwners(pod.pod)
    return selector ? specs.map((spec) => ({ spec, query: queryOf(selector, spec, pod) })) : []
  }

  return {
    name: 'PodTopologySpread',
    filter(pod, nodes) {
      const constraints = constraintsOf(pod, 'DoNotSchedule')
      return constraints.length === 0 ? undefined : filterBy(constraints, pod, nodes)
    },
    score(pod, nodes, feasible) {
      const constraints = constraintsOf(pod, 'ScheduleAnyway')
      if (constraints.length === 0) return undefined
      const needsAllKeys = !isSystem || (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0
      return scoreBy(constraints, pod, nodes, feasible, needsAllKeys)
    },
    mayHelp(change, pod) {
      if (change.type === 'nodeAdded' || change.type === 'podUpdated' || change.type === 'objectChanged')
        return true
      if (change.type === 'namespaceUpdated') return false
      const constraints = constraintsOf(pod, 'DoNotSchedule')
      if (change.type === 'nodeUpdated') {
        const labelsOf = (node: typeof change.node) => node.metadata?.labels ?? {}
        return constraints.some(
          ({ spec: { topologyKey: key } }) => labelsOf(change.node)[key] !== labelsOf(change.previous)[key],
        )
      }
      return constraints.some(
        ({ query }) =>
          query.matches(change.pod) ||
          (change.type === 'podPlaced' && change.previous !== undefined && query.matches(change.previous)),
      )
    },
  }
}

/** matchLabelKeys stand for the pod's own values of these labels. */
function ownQuery(spec: TopologySpreadConstraint, pod: PodInfo): PodQuery {
  const { labelSelector, matchLabelKeys = [] } = spec
  const own = matchLabelKeys.flatMap((key) => {
    const value = pod.labels[key]
    return value === undefined ? [] : [{ key, operator: 'In' as const, values: [value] }]
  })
  const selector: LabelSelector | undefined =
    own.length === 0
      ? labelSelector
      : { ...labelSelector, matchExpressions: [...(labelSelector?.matchExpressions ?? []), ...own] }
  return queryOf({ id: JSON.stringify(selector), selector: fromLabelSelector(selector) }, spec, pod)
}

/** Pods that are being deleted do not count. */
function queryOf(
  { id, selector }: { readonly id: string; readonly selector: ParsedLabelSelector },
  { topologyKey }: TopologySpreadConstraint,
  { namespace }: PodInfo,
): PodQuery {
  return {
    id: `spread ${namespace} ${id}`,
    topologyKey,
    matches: (other) =>
      other.namespace === namespace &&
      !other.pod.metadata?.deletionTimestamp &&
      matchesLabels(selector, other.labels),
  }
}

/** Matching pods per value of a constraint's key, over the nodes that the constraint counts. */
interface Spread {
  readonly spec: TopologySpreadConstraint
  readonly domains: Domains
  readonly perNode: Int32Array
  /** Domains beyond its length have none. */
  readonly perDomain: Int32Array
  /** Per domain: above 0 where some node counts. */
  readonly nodeCounts: ArrayLike<number>
  readonly domainCount: number
}

function spreadOf(
  { spec, query }: Constraint,
  pod: PodInfo,
  nodes: NodeTable,
  hasKeys: ((node: number) => boolean) | undefined,
): Spread {
  const { perNode, perDomain, domains } = nodes.counts.of(query)
  const { nodeSelector, affinity } = pod.pod.spec ?? {}
  const picksNodes =
    spec.nodeAffinityPolicy !== 'Ignore' &&
    (nodeSelector || affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution)
  const honorsTaints = spec.nodeTaintsPolicy === 'Honor'
  if (!picksNodes && !honorsTaints && !hasKeys) {
    const { nodeCounts, present } = domains
    return { spec, domains, perNode, perDomain, nodeCounts, domainCount: present }
  }
  const counted = new Int32Array(domains.size)
  const nodeCounts = new Int32Array(domains.size)
  let domainCount = 0
  for (const node of nodes.indexes) {
    const domain = domains.ids[node]!
    if (domain < 0 || (hasKeys && !hasKeys(node))) continue
    if (picksNodes && !matchesNodeAffinity(pod.pod, nodes.nodes[node]!)) continue
    if (honorsTaints && !toleratesTaints(pod, node, nodes)) continue
    if (nodeCounts[domain]!++ === 0) domainCount++
    counted[domain]! += perNode[node]!
  }
  return { spec, domains, perNode, perDomain: counted, nodeCounts, domainCount }
}

function toleratesTaints({ pod }: PodInfo, node: number, { nodes }: NodeTable): boolean {
  const taints = (nodes[node]!.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule')
  return findUntolerated(taints, pod.spec?.tolerations ?? []) === undefined
}

/** Whether a node has the labels of all constraints; undefined when every node has. */
function hasAllKeys(
  constraints: readonly Constraint[],
  nodes: NodeTable,
): ((node: number) => boolean) | undefined {
  const columns = constraints
    .map(({ spec }) => nodes.topology.of(spec.topologyKey))
    .filter(({ labelled }) => labelled < nodes.size)
  return columns.length === 0 ? undefined : (node) => columns.every(({ ids }) => ids[node]! >= 0)
}

function filterBy(constraints: readonly Constraint[], pod: PodInfo, nodes: NodeTable): NodeFilter {
  const hasKeys = hasAllKeys(constraints, nodes)
  const spreads = constraints.map((constraint) => {
    // A single constraint does not count nodes without its key anyway.
    const spread = spreadOf(constraint, pod, nodes, constraints.length > 1 ? hasKeys : undefined)
    return { ...spread, least: leastOf(spread), selfMatch: constraint.query.matches(pod) ? 1 : 0 }
  })
  const exceeds = ({ spec, domains, perDomain, selfMatch, least }: (typeof spreads)[number], node: number) =>
    (perDomain[domains.ids[node]!] ?? 0) + selfMatch - least > spec.maxSkew
  return {
    isSnapshot: true,
    fits(node) {
      if (hasKeys && !hasKeys(node)) return false
      for (const spread of spreads) if (exceeds(spread, node)) return false
      return true
    },
    refusal(node) {
      const refused = "node(s) didn't match pod topology spread constraints"
      if (!hasKeys || hasKeys(node)) return { reasons: [refused] }
      return { reasons: [`${refused} (missing required label)`], unresolvable: true }
    },
  }
}

/** The smallest count of any domain; 0 while there are fewer domains than minDomains. */
function leastOf({ spec, perDomain, nodeCounts, domainCount }: Spread): number {
  if (domainCount < (spec.minDomains ?? 1)) return 0
  let least = Infinity
  for (let domain = 0; domain < nodeCounts.length; domain++) {
    const count = perDomain[domain] ?? 0
    if (nodeCounts[domain]! > 0 && count < least) least = count
  }
  return least
}

function scoreBy(
  constraints: readonly Constraint[],
  pod: PodInfo,
  nodes: NodeTable,
  feasible: readonly number[],
  needsAllKeys: boolean,
): NodeScore {
  const hasKeys = needsAllKeys ? hasAllKeys(constraints, nodes) : undefined
  const compared = hasKeys ? feasible.filter(hasKeys) : feasible
  const spreads = constraints.map((constraint) => {
    const spread = spreadOf(constraint, pod, nodes, hasKeys)
    const perNodeOnly = constraint.spec.topologyKey === hostname
    const domainCount = perNodeOnly ? compared.length : distinctDomains(spread.domains, compared)
    // Few domains weigh more, so that spreading over zones is not drowned by spreading over nodes.
    return { ...spread, perNodeOnly, weight: Math.log(domainCount + 2) }
  })
  return {
    raw(node) {
      if (hasKeys && !hasKeys(node)) return -1
      let cost = 0
      for (const { spec, domains, perNode, perDomain, perNodeOnly, weight } of spreads) {
        const domain = domains.ids[node]!
        if (domain < 0) continue
        const count = perNodeOnly ? perNode[node]! : (perDomain[domain] ?? 0)
        cost += count * weight + (spec.maxSkew - 1)
      }
      return Math.round(cost)
    },
    finish: scaleByLeast,
  }
}

function distinctDomains({ ids }: Domains, nodes: readonly number[]): number {
  const seen = new Set<number>()
  for (const node of nodes) if (ids[node]! >= 0) seen.add(ids[node]!)
  return seen.size
}

/** The least cost gets 100; nodes without the labels (-1) get nothing. */
function scaleByLeast(scores: Float64Array): void {
  let least = Infinity
  let greatest = 0
  for (const score of scores) {
    if (score < 0) continue
    if (score < least) least = score
    if (score > greatest) greatest = score
  }
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!
    if (score < 0) scores[index] = 0
    else if (greatest === 0) scores[index] = maxNodeScore
    else scores[index] = Math.floor((maxNodeScore * (greatest + least - score)) / greatest)
  }
}
