import { maxNodeScore, type NodeFilter, type NodeScore, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { Domains } from '../nodes/topology.ts'
import type { AffinityTerm, PodInfo } from '../pod-info.ts'

/** What a required affinity term of a placed pod counts for a pod to come that matches it. Upstream's default. */
const hardPodAffinityWeight = 1

/** Pods near, or away from, pods that match; also what placed pods ask of the pod to come. */
export const interPodAffinity: Plugin = {
  name: 'InterPodAffinity',
  filter(pod, nodes) {
    const against = placedAgainst(pod, nodes)
    const { requiredAffinity, requiredAntiAffinity } = pod
    if (against.length === 0 && requiredAffinity.length === 0 && requiredAntiAffinity.length === 0)
      return undefined
    return filterBy(pod, nodes, against)
  },
  score: scoreFor,
  mayHelp(change, pod) {
    switch (change.type) {
      case 'podPlaced':
        return pod.requiredAffinity.length > 0 || change.previous !== undefined
      case 'podRemoved':
      case 'nodeAdded':
      case 'nodeUpdated':
      case 'namespaceUpdated':
      case 'podUpdated':
        return true
    }
  },
}

/** Matching pods per domain of one term. */
interface TermCount {
  readonly term: AffinityTerm
  readonly domains: Domains
  readonly perDomain: Int32Array
  readonly total: number
}

function sumByDomain(term: AffinityTerm, perNode: Int32Array, nodes: NodeTable): TermCount {
  const domains = nodes.topology.of(term.topologyKey)
  const perDomain = new Int32Array(domains.size)
  let total = 0
  for (const node of nodes.indexes) {
    const domain = domains.ids[node]!
    if (domain < 0) continue
    perDomain[domain]! += perNode[node]!
    total += perNode[node]!
  }
  return { term, domains, perDomain, total }
}

function countMatching(term: AffinityTerm, nodes: NodeTable): TermCount {
  const matches = (other: PodInfo) => nodes.counts.termMatches(term, other)
  return sumByDomain(term, nodes.counts.of({ id: `affinity ${term.id}`, matches }), nodes)
}

/** Required anti-affinity of placed pods that speaks of this pod. */
function placedAgainst(pod: PodInfo, nodes: NodeTable): TermCount[] {
  const found: TermCount[] = []
  for (const { term, perNode } of nodes.counts.placedTerms('requiredAntiAffinity')) {
    if (nodes.counts.termMatches(term, pod)) found.push(sumByDomain(term, perNode, nodes))
  }
  return found
}

function inDomain({ domains, perDomain }: TermCount, node: number): number {
  const domain = domains.ids[node]!
  return domain < 0 ? 0 : (perDomain[domain] ?? 0)
}

function filterBy(pod: PodInfo, nodes: NodeTable, against: readonly TermCount[]): NodeFilter {
  const wanted = pod.requiredAffinity.map((term) => countMatching(term, nodes))
  const unwanted = pod.requiredAntiAffinity.map((term) => countMatching(term, nodes))
  // The first pod of a group that wants to be together matches only itself, and may go anywhere with the labels.
  const isFirst =
    wanted.every(({ total }) => total === 0) &&
    wanted.every(({ term }) => nodes.counts.termMatches(term, pod))
  const hasLabels = (node: number) => wanted.every(({ domains }) => domains.ids[node]! >= 0)
  const isWanted = (node: number) =>
    hasLabels(node) && (isFirst || wanted.every((term) => inDomain(term, node) > 0))
  const isUnwanted = (node: number) => unwanted.some((term) => inDomain(term, node) > 0)
  const isRefused = (node: number) => against.some((term) => inDomain(term, node) > 0)
  return {
    fits: (node) => isWanted(node) && !isUnwanted(node) && !isRefused(node),
    refusal(node) {
      if (!isWanted(node)) return { reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true }
      if (isUnwanted(node)) return { reasons: ["node(s) didn't match pod anti-affinity rules"] }
      return { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }
    },
  }
}

function scoreFor(pod: PodInfo, nodes: NodeTable): NodeScore | undefined {
  const weighted: { readonly count: TermCount; readonly weight: number }[] = []
  for (const term of pod.preferredAffinity)
    weighted.push({ count: countMatching(term, nodes), weight: term.weight })
  for (const term of pod.preferredAntiAffinity)
    weighted.push({ count: countMatching(term, nodes), weight: -term.weight })
  const addPlaced = (
    kind: 'requiredAffinity' | 'preferredAffinity' | 'preferredAntiAffinity',
    sign: number,
  ) => {
    for (const { term, perNode } of nodes.counts.placedTerms(kind)) {
      if (!nodes.counts.termMatches(term, pod)) continue
      const weight = kind === 'requiredAffinity' ? hardPodAffinityWeight : term.weight
      weighted.push({ count: sumByDomain(term, perNode, nodes), weight: sign * weight })
    }
  }
  addPlaced('requiredAffinity', 1)
  addPlaced('preferredAffinity', 1)
  addPlaced('preferredAntiAffinity', -1)
  if (weighted.length === 0) return undefined
  return {
    raw(node) {
      let sum = 0
      for (const { count, weight } of weighted) sum += inDomain(count, node) * weight
      return sum
    },
    finish: scaleByRange,
  }
}

/** The least gets 0, the greatest 100. */
function scaleByRange(scores: Float64Array): void {
  let least = Infinity
  let greatest = -Infinity
  for (const score of scores) {
    if (score < least) least = score
    if (score > greatest) greatest = score
  }
  const range = greatest - least
  for (let index = 0; index < scores.length; index++) {
    scores[index] = range === 0 ? 0 : Math.floor((maxNodeScore * (scores[index]! - least)) / range)
  }
}
