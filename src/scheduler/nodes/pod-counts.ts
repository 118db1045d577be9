import { matchesLabels, type Labels } from '../../machinery/label-selector.ts'
import type { AffinityTerm, PodInfo } from '../pod-info.ts'
import { DomainCount } from './domain-count.ts'
import type { NodeTable } from './node-table.ts'

/** Which pods are counted. */
export interface PodQuery {
  /** The same for queries that count the same pods. */
  readonly id: string
  readonly topologyKey: string
  matches(pod: PodInfo): boolean
}

/** Which terms of the pods that are placed: what placed pods ask of a pod to come. */
export type TermKind =
  | 'requiredAntiAffinity'
  | 'requiredAffinity'
  | 'preferredAffinity'
  | 'preferredAntiAffinity'

/** A term that placed pods have, and where those pods are. */
export interface PlacedTerm {
  readonly term: AffinityTerm
  readonly count: DomainCount
}

export interface PodCounts {
  /** The pods that the query matches. Kept up to date from the first time it is asked for. */
  of(query: PodQuery): DomainCount
  /** Every distinct term that placed pods have. */
  placedTerms(kind: TermKind): Iterable<PlacedTerm>
  /** Whether `term` speaks of `pod`, by namespace and labels. */
  termMatches(term: AffinityTerm, pod: PodInfo): boolean
  /** Counts that read namespaces' labels are taken anew. */
  namespaceChanged(): void
  account(pod: PodInfo, node: number, sign: 1 | -1): void
  /** A node's domain of a topology key changed. */
  moved(topologyKey: string, node: number, from: number, to: number): void
  grow(capacity: number): void
}

/** Queries kept at once; the one unused for longest goes first. */
const maxQueries = 1000

const termKinds: readonly TermKind[] = [
  'requiredAntiAffinity',
  'requiredAffinity',
  'preferredAffinity',
  'preferredAntiAffinity',
]

/**
 * Counts of pods per node and domain, kept up to date as pods come and go, so that a decision costs the same however many
 * pods there are: spreading and affinity ask few different questions, and ask them again and again.
 */
export function createPodCounts(nodes: NodeTable, namespaceLabels: (name: string) => Labels): PodCounts {
  const queries = new Map<string, { readonly query: PodQuery; readonly count: DomainCount }>()
  const placed = new Map<TermKind, Map<string, PlacedTerm & { users: number }>>(
    termKinds.map((kind) => [kind, new Map()]),
  )

  function* allCounts(): Generator<{ readonly topologyKey: string; readonly count: DomainCount }> {
    for (const { query, count } of queries.values()) yield { topologyKey: query.topologyKey, count }
    for (const terms of placed.values())
      for (const { term, count } of terms.values()) yield { topologyKey: term.topologyKey, count }
  }

  function newCount(topologyKey: string): DomainCount {
    return new DomainCount(nodes.topology.of(topologyKey), nodes.capacity)
  }

  function countAll(query: PodQuery): DomainCount {
    const count = newCount(query.topologyKey)
    nodes.pods.forEach((pods, node) => {
      for (const pod of pods.values()) if (query.matches(pod)) count.add(node, 1)
    })
    return count
  }

  return {
    of(query) {
      const id = `${query.topologyKey} ${query.id}`
      let entry = queries.get(id)
      if (entry) queries.delete(id)
      else entry = { query, count: countAll(query) }
      queries.set(id, entry)
      if (queries.size > maxQueries) queries.delete(queries.keys().next().value!)
      return entry.count
    },

    placedTerms: (kind) => placed.get(kind)!.values(),

    termMatches({ namespaces, namespaceSelector, selector }, pod) {
      const speaksOfNamespace =
        namespaces.has(pod.namespace) ||
        (namespaceSelector !== undefined && matchesLabels(namespaceSelector, namespaceLabels(pod.namespace)))
      return speaksOfNamespace && matchesLabels(selector, pod.labels)
    },

    namespaceChanged: () => queries.clear(),

    account(pod, node, sign) {
      for (const { query, count } of queries.values()) if (query.matches(pod)) count.add(node, sign)
      for (const kind of termKinds) {
        for (const term of pod[kind]) {
          const terms = placed.get(kind)!
          let entry = terms.get(term.id)
          if (!entry) terms.set(term.id, (entry = { term, count: newCount(term.topologyKey), users: 0 }))
          entry.count.add(node, sign)
          entry.users += sign
          if (entry.users === 0) terms.delete(term.id)
        }
      }
    },

    moved(topologyKey, node, from, to) {
      for (const entry of allCounts()) if (entry.topologyKey === topologyKey) entry.count.move(node, from, to)
    },

    grow(capacity) {
      for (const { count } of allCounts()) count.grow(capacity)
    },
  }
}
