import { matchesNodeAffinity, matchesNodeSelectorTerm } from '../../api/core/node-affinity.ts'
import { amountsOf, podRequests } from '../../api/core/pod-resources.ts'
import { tolerates } from '../../api/core/tolerations.ts'
import type { Node, Pod, PodAffinityTerm } from '../../api/generated/core.v1.ts'
import { matches, speaksOf, valueOf, type Cluster } from './plain-rules.ts'

/** A score of each node, from 0 to 100, or undefined where the plugin has no say. */
type PlainScore = (pod: Pod, feasible: readonly Node[], cluster: Cluster) => readonly number[] | undefined

/** The weighted sums of the default profile's scores, in the order of `feasible`; for pods without owner and Services. */
export function plainScores(pod: Pod, feasible: readonly Node[], cluster: Cluster): number[] {
  const weighted: readonly (readonly [number, PlainScore])[] = [
    [3, fewestTaints],
    [2, preferredNodes],
    [1, leastAllocated],
    [2, spreadEvenly],
    [2, preferredNeighbours],
    [1, balanced],
  ]
  return feasible.map((_, index) =>
    weighted.reduce(
      (sum, [weight, score]) => sum + weight * (score(pod, feasible, cluster)?.[index] ?? 0),
      0,
    ),
  )
}

const fewestTaints: PlainScore = (pod, feasible) => {
  const tolerations = (pod.spec?.tolerations ?? []).filter(
    ({ effect }) => !effect || effect === 'PreferNoSchedule',
  )
  const counts = feasible.map(
    ({ spec }) =>
      (spec?.taints ?? []).filter(
        (taint) =>
          taint.effect === 'PreferNoSchedule' &&
          !tolerations.some((toleration) => tolerates(toleration, taint)),
      ).length,
  )
  const greatest = Math.max(...counts)
  return counts.map((count) => 100 - (greatest === 0 ? 0 : Math.floor((100 * count) / greatest)))
}

const preferredNodes: PlainScore = (pod, feasible) => {
  const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const sums = feasible.map((node) =>
    terms.reduce(
      (sum, { preference, weight }) => sum + (matchesNodeSelectorTerm(preference, node) ? weight : 0),
      0,
    ),
  )
  const greatest = Math.max(...sums)
  return sums.map((sum) => (greatest === 0 ? 0 : Math.floor((100 * sum) / greatest)))
}

/** What the pods on a node request, the pod to come included; containers that say nothing count when `assumed` says. */
function requested(
  pod: Pod,
  node: Node,
  { placed }: Cluster,
  name: 'cpu' | 'memory',
  assumed: number,
): number {
  const here = placed.filter(({ nodeName }) => nodeName === node.metadata?.name).map((other) => other.pod)
  return [...here, pod].reduce((sum, other) => {
    const own = other.spec!.containers[0]!.resources?.requests?.[name]
    return sum + (own === undefined ? assumed : (podRequests(other)[name] ?? 0))
  }, 0)
}

const leastAllocated: PlainScore = (pod, feasible, cluster) =>
  feasible.map((node) => {
    const has = amountsOf(node.status?.allocatable)
    const free = (name: 'cpu' | 'memory', assumed: number) => {
      const used = requested(pod, node, cluster, name, assumed)
      return used > has[name]! ? 0 : Math.floor(((has[name]! - used) * 100) / has[name]!)
    }
    return Math.floor((free('cpu', 100) + free('memory', 200 * 1024 * 1024)) / 2)
  })

const balanced: PlainScore = (pod, feasible, cluster) => {
  const own = podRequests(pod)
  if (!own['cpu'] && !own['memory']) return undefined
  return feasible.map((node) => {
    const has = amountsOf(node.status?.allocatable)
    const part = (name: 'cpu' | 'memory') => Math.min(1, requested(pod, node, cluster, name, 0) / has[name]!)
    return Math.floor((1 - Math.abs(part('cpu') - part('memory')) / 2) * 100)
  })
}

const spreadEvenly: PlainScore = (pod, feasible, { nodes, placed }) => {
  const constraints = (pod.spec?.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway',
  )
  if (constraints.length === 0) return undefined
  const hasKeys = (node: Node) =>
    constraints.every(({ topologyKey }) => valueOf(node, topologyKey) !== undefined)
  const compared = feasible.filter(hasKeys)
  const costs = feasible.map((node) => {
    if (!hasKeys(node)) return undefined
    const cost = constraints.reduce((sum, constraint) => {
      const { topologyKey, maxSkew, labelSelector } = constraint
      const value = valueOf(node, topologyKey)
      const counted = nodes.filter(
        (other) =>
          valueOf(other, topologyKey) === value &&
          hasKeys(other) &&
          (constraint.nodeAffinityPolicy === 'Ignore' || matchesNodeAffinity(pod, other)) &&
          (constraint.nodeTaintsPolicy !== 'Honor' || toleratesAll(other, pod)),
      )
      const count = placed.filter(
        (other) =>
          other.pod.metadata?.namespace === pod.metadata?.namespace &&
          matches(labelSelector, other.pod) &&
          (topologyKey === 'kubernetes.io/hostname'
            ? other.nodeName === node.metadata?.name
            : counted.some(({ metadata }) => metadata?.name === other.nodeName)),
      ).length
      const domains =
        topologyKey === 'kubernetes.io/hostname'
          ? compared.length
          : new Set(compared.map((other) => valueOf(other, topologyKey))).size
      return sum + count * Math.log(domains + 2) + (maxSkew - 1)
    }, 0)
    return Math.round(cost)
  })
  const known = costs.filter((cost) => cost !== undefined)
  const [least, greatest] = [Math.min(...known), Math.max(...known)]
  return costs.map((cost) => {
    if (cost === undefined) return 0
    return greatest === 0 ? 100 : Math.floor((100 * (greatest + least - cost)) / greatest)
  })
}

function toleratesAll({ spec }: Node, pod: Pod): boolean {
  return (spec?.taints ?? []).every(
    (taint) =>
      taint.effect === 'PreferNoSchedule' ||
      (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  )
}

const preferredNeighbours: PlainScore = (pod, feasible, { nodes, placed }) => {
  const nodeOf = (name: string) => nodes.find(({ metadata }) => metadata?.name === name)!
  const preferred = (of: Pod) => [
    ...(of.spec?.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(of.spec?.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (term) => ({
        ...term,
        weight: -term.weight,
      }),
    ),
  ]
  const requiredTerms = (of: Pod) =>
    of.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const sums = feasible.map((node) => {
    const near = (term: PodAffinityTerm, nodeName: string) => {
      const value = valueOf(nodeOf(nodeName), term.topologyKey)
      return value !== undefined && value === valueOf(node, term.topologyKey)
    }
    let sum = 0
    for (const other of placed) {
      for (const { podAffinityTerm: term, weight } of preferred(pod))
        if (speaksOf(term, pod, other.pod) && near(term, other.nodeName)) sum += weight
      for (const { podAffinityTerm: term, weight } of preferred(other.pod))
        if (speaksOf(term, other.pod, pod) && near(term, other.nodeName)) sum += weight
      for (const term of requiredTerms(other.pod))
        if (speaksOf(term, other.pod, pod) && near(term, other.nodeName)) sum += 1
    }
    return sum
  })
  const [least, greatest] = [Math.min(...sums), Math.max(...sums)]
  return sums.map((sum) => (greatest === least ? 0 : Math.floor((100 * (sum - least)) / (greatest - least))))
}
