import { maxNodeScore, type NodeFilter, type NodeScore, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { DomainCount } from '../nodes/domain-count.ts'
import type { PlacedTerm } from '../nodes/pod-counts.ts'
import type { AffinityTerm, PodInfo } from '../pod-info.ts'

export interface InterPodAffinityArgs {
  /** What a required affinity term of a placed pod counts for a pod to come that matches it; 0 to 100. */
  readonly hardPodAffinityWeight: number
  /** What placed pods prefer does not count for a pod that prefers nothing itself. */
  readonly ignorePreferredTermsOfExistingPods?: boolean
}

export const interPodAffinityArgs: InterPodAffinityArgs = { hardPodAffinityWeight: 1 }

/** Pods near, or away from, pods that match; also what placed pods ask of the pod to come. */
export const createInterPodAffinity = (args: InterPodAffinityArgs): Plugin => ({
  name: 'InterPodAffinity',
  filter(pod, nodes) {
    const against = placedAgainst(pod, nodes)
    const { requiredAffinity, requiredAntiAffinity } = pod
    if (against.length === 0 && requiredAffinity.length === 0 && requiredAntiAffinity.length === 0)
      return undefined
    return filterBy(pod, nodes, against)
  },
  score: (pod, nodes) => scoreFor(pod, nodes, args),
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
      case 'objectChanged':
        return false
    }
  },
})

function countMatching(term: AffinityTerm, nodes: NodeTable): PlacedTerm {
  const { id, topologyKey } = term
  const matches = (other: PodInfo) => nodes.counts.termMatches(term, other)
  return { term, count: nodes.counts.of({ id: `affinity ${id}`, topologyKey, matches }) }
}

/** For each term, the pods that match it and all the others: one pod must satisfy them together. */
function countMatchingAll(terms: readonly AffinityTerm[], nodes: NodeTable): PlacedTerm[] {
  const id = `affinity ${terms.map((term) => term.id).join(' ')}`
  const matches = (other: PodInfo) => terms.every((term) => nodes.counts.termMatches(term, other))
  return terms.map((term) => {
    return { term, count: nodes.counts.of({ id, topologyKey: term.topologyKey, matches }) }
  })
}

/** Required anti-affinity of placed pods that speaks of this pod. */
function placedAgainst(pod: PodInfo, nodes: NodeTable): PlacedTerm[] {
  const found: PlacedTerm[] = []
  for (const placed of nodes.counts.placedTerms('requiredAntiAffinity')) {
    if (placed.count.total > 0 && nodes.counts.termMatches(placed.term, pod)) found.push(placed)
  }
  return found
}

function filterBy(pod: PodInfo, nodes: NodeTable, against: readonly PlacedTerm[]): NodeFilter {
  const wanted = countMatchingAll(pod.requiredAffinity, nodes)
  const unwanted = pod.requiredAntiAffinity.map((term) => countMatching(term, nodes))
  // The first pod of a group that wants to be together matches only itself, and may go anywhere with the labels.
  const isFirst =
    wanted.every(({ count }) => count.total === 0) &&
    wanted.every(({ term }) => nodes.counts.termMatches(term, pod))
  const near = wanted.map(columnsOf)
  const away = unwanted.map(columnsOf)
  const awayFromPlaced = against.map(columnsOf)
  const isWanted = (node: number) => {
    for (let index = 0; index < near.length; index++) {
      const { ids, perDomain } = near[index]!
      const domain = ids[node]!
      if (domain < 0 || !(isFirst || perDomain[domain]! > 0)) return false
    }
    return true
  }
  // The usual case, in a loop over thousands of nodes.
  const isAlone = near.length === 1 && away.length === 0 && awayFromPlaced.length === 0
  return {
    isSnapshot: true,
    fits: isAlone
      ? isNear(near[0]!, isFirst)
      : (node) => isWanted(node) && !isNearSome(away, node) && !isNearSome(awayFromPlaced, node),
    refusal(node) {
      if (!isWanted(node)) return { reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true }
      if (isNearSome(away, node)) return { reasons: ["node(s) didn't match pod anti-affinity rules"] }
      return { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }
    },
  }
}

/** A count's arrays, at hand for loops over nodes: good until pods or nodes come or go. */
interface Columns {
  readonly ids: Int32Array
  readonly perDomain: Int32Array
}

function columnsOf({ count: { domains, perDomain } }: Pick<PlacedTerm, 'count'>): Columns {
  return { ids: domains.ids, perDomain }
}

/** Whether some counted pod is near a node, or with `isFirst` whether it has a domain at all. */
function isNear({ ids, perDomain }: Columns, isFirst: boolean): (node: number) => boolean {
  return (node) => {
    const domain = ids[node]!
    return domain >= 0 && (isFirst || perDomain[domain]! > 0)
  }
}

function isNearSome(columns: readonly Columns[], node: number): boolean {
  for (let index = 0; index < columns.length; index++) {
    const { ids, perDomain } = columns[index]!
    const domain = ids[node]!
    if (domain >= 0 && perDomain[domain]! > 0) return true
  }
  return false
}

function scoreFor(
  pod: PodInfo,
  nodes: NodeTable,
  { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods }: InterPodAffinityArgs,
): NodeScore | undefined {
  const weighted: { readonly count: DomainCount; readonly weight: number }[] = []
  const prefersNothing = pod.preferredAffinity.length === 0 && pod.preferredAntiAffinity.length === 0
  if (ignorePreferredTermsOfExistingPods && prefersNothing) return undefined
  for (const term of pod.preferredAffinity)
    weighted.push({ count: countMatching(term, nodes).count, weight: term.weight })
  for (const term of pod.preferredAntiAffinity)
    weighted.push({ count: countMatching(term, nodes).count, weight: -term.weight })
  const addPlaced = (
    kind: 'requiredAffinity' | 'preferredAffinity' | 'preferredAntiAffinity',
    sign: number,
  ) => {
    for (const { term, count } of nodes.counts.placedTerms(kind)) {
      const weight = kind === 'requiredAffinity' ? hardPodAffinityWeight : term.weight
      if (weight > 0 && nodes.counts.termMatches(term, pod)) weighted.push({ count, weight: sign * weight })
    }
  }
  addPlaced('requiredAffinity', 1)
  addPlaced('preferredAffinity', 1)
  addPlaced('preferredAntiAffinity', -1)
  if (weighted.length === 0) return undefined
  const columns = weighted.map(columnsOf)
  const weights = weighted.map(({ weight }) => weight)
  return {
    raw(node) {
      let sum = 0
      for (let index = 0; index < columns.length; index++) {
        const { ids, perDomain } = columns[index]!
        const domain = ids[node]!
        if (domain >= 0) sum += (perDomain[domain] ?? 0) * weights[index]!
      }
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
