import { matchesLabels, type Labels } from '../../machinery/label-selector.ts'
import type { AffinityTerm, PodInfo } from '../pod-info.ts'
import type { NodeTable } from './node-table.ts'

/** Which pods are counted. */
export interface PodQuery {
  /** The same for queries that count the same pods. */
  readonly id: string
  matches(pod: PodInfo): boolean
}

/** Which terms of the pods that are placed: what placed pods ask of a pod to come. */
export type TermKind =
  | 'requiredAntiAffinity'
  | 'requiredAffinity'
  | 'preferredAffinity'
  | 'preferredAntiAffinity'

export interface PlacedTerm {
  readonly term: AffinityTerm
  /** Per node: how many of its pods have the term. */
  perNode: Int32Array
}

export interface PodCounts {
  /** Per node: how many of its pods the query matches. Kept from the first time it is asked for. */
  of(query: PodQuery): Int32Array
  /** Every distinct term that placed pods have. */
  placedTerms(kind: TermKind): Iterable<PlacedTerm>
  /** Whether `term` speaks of `pod`, by namespace and labels. */
  termMatches(term: AffinityTerm, pod: PodInfo): boolean
  /** Counts that read this namespace's labels are taken anew. */
  namespaceChanged(): void
  account(pod: PodInfo, node: number, sign: 1 | -1): void
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
 * Counts of pods per node, kept up to date as pods come and go, so that a decision costs the same however many pods there
 * are: spreading and affinity ask few different questions, and ask them again and again.
 */
export function createPodCounts(nodes: NodeTable, namespaceLabels: (name: string) => Labels): PodCounts {
  const queries = new Map<string, { query: PodQuery; perNode: Int32Array }>()
  const placed = new Map<TermKind, Map<string, PlacedTerm & { users: number }>>(
    termKinds.map((kind) => [kind, new Map()]),
  )

  function countAll(query: PodQuery): Int32Array {
    const perNode = new Int32Array(nodes.capacity)
    nodes.pods.forEach((pods, node) => {
      for (const pod of pods.values()) if (query.matches(pod)) perNode[node]!++
    })
    return perNode
  }

  return {
    of(query) {
      let entry = queries.get(query.id)
      if (entry) queries.delete(query.id)
      else entry = { query, perNode: countAll(query) }
      queries.set(query.id, entry)
      if (queries.size > maxQueries) queries.delete(queries.keys().next().value!)
      return entry.perNode
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
      for (const { query, perNode } of queries.values()) if (query.matches(pod)) perNode[node]! += sign
      for (const kind of termKinds) {
        for (const term of pod[kind]) {
          const terms = placed.get(kind)!
          let entry = terms.get(term.id)
          if (!entry) {
            entry = { term, perNode: new Int32Array(nodes.capacity), users: 0 }
            terms.set(term.id, entry)
          }
          entry.perNode[node]! += sign
          entry.users += sign
          if (entry.users === 0) terms.delete(term.id)
        }
      }
    },

    grow(capacity) {
      for (const entry of queries.values()) entry.perNode = grown(entry.perNode, capacity)
      for (const terms of placed.values()) {
        for (const entry of terms.values()) entry.perNode = grown(entry.perNode, capacity)
      }
    },
  }
}

function grown(column: Int32Array, capacity: number): Int32Array {
  const larger = new Int32Array(capacity)
  larger.set(column)
  return larger
}
