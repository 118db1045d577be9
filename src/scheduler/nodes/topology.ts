import type { NodeTable } from './node-table.ts'

/** The value of one label on every node, as small numbers. */
export interface Domains {
  /** Per node: the number of its value, or -1 when the node has no such label. */
  ids: Int32Array
  /** How many values there have been: ids are below this. */
  size: number
  /** Per value: how many nodes have it now. */
  readonly nodeCounts: number[]
  /** How many values some node has now. */
  present: number
  /** How many nodes have the label. */
  labelled: number
}

/** A node's value of a topology key changed, from and to -1 where there is none. */
export type OnMove = (topologyKey: string, node: number, from: number, to: number) => void

export interface Topology {
  /** The domains of a topology key; kept from the first time anyone asks. */
  of(topologyKey: string): Domains
  update(node: number, labels: Readonly<Record<string, string>>): void
  grow(capacity: number): void
}

/** Turns topology labels into numbers, so that counting by domain is indexing an array. */
export function createTopology(nodes: NodeTable, onMove: OnMove): Topology {
  const columns = new Map<string, { readonly domains: Domains; readonly numbers: Map<string, number> }>()

  function set(key: string, node: number, labels: Readonly<Record<string, string>>): void {
    const { domains, numbers } = columns.get(key)!
    const value = labels[key]
    const from = domains.ids[node]!
    const to = value === undefined ? -1 : numberOf(value, domains, numbers)
    if (from === to) return
    domains.ids[node] = to
    if (from >= 0) {
      domains.labelled--
      if (--domains.nodeCounts[from]! === 0) domains.present--
    }
    if (to >= 0) {
      domains.labelled++
      if (domains.nodeCounts[to]!++ === 0) domains.present++
    }
    onMove(key, node, from, to)
  }

  return {
    of(topologyKey) {
      let column = columns.get(topologyKey)
      if (!column) {
        const ids = new Int32Array(nodes.capacity).fill(-1)
        const domains: Domains = { ids, size: 0, nodeCounts: [], present: 0, labelled: 0 }
        column = { domains, numbers: new Map() }
        columns.set(topologyKey, column)
        for (const node of nodes.indexes) set(topologyKey, node, nodes.nodes[node]?.metadata?.labels ?? {})
      }
      return column.domains
    },
    update(node, labels) {
      for (const key of columns.keys()) set(key, node, labels)
    },
    grow(capacity) {
      for (const { domains } of columns.values()) {
        const larger = new Int32Array(capacity).fill(-1)
        larger.set(domains.ids)
        domains.ids = larger
      }
    },
  }
}

function numberOf(value: string, domains: Domains, numbers: Map<string, number>): number {
  let id = numbers.get(value)
  if (id === undefined) {
    id = numbers.size
    numbers.set(value, id)
    domains.nodeCounts.push(0)
    domains.size = numbers.size
  }
  return id
}
