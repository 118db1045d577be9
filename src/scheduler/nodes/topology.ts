import type { NodeTable } from './node-table.ts'

/** The value of one label on every node, as small numbers. */
export interface Domains {
  /** Per node: the number of its value, or -1 when the node has no such label. */
  ids: Int32Array
  /** How many values there have been: ids are below this. */
  size: number
}

export interface Topology {
  /** The domains of a topology key; kept from the first time anyone asks. */
  of(topologyKey: string): Domains
  update(node: number, labels: Readonly<Record<string, string>>): void
  grow(capacity: number): void
}

/** Turns topology labels into numbers, so that counting by domain is indexing an array. */
export function createTopology(nodes: NodeTable): Topology {
  const columns = new Map<string, { domains: Domains; numbers: Map<string, number> }>()

  function set(key: string, node: number, labels: Readonly<Record<string, string>>): void {
    const { domains, numbers } = columns.get(key)!
    const value = labels[key]
    if (value === undefined) {
      domains.ids[node] = -1
      return
    }
    let id = numbers.get(value)
    if (id === undefined) {
      id = numbers.size
      numbers.set(value, id)
      domains.size = numbers.size
    }
    domains.ids[node] = id
  }

  return {
    of(topologyKey) {
      let column = columns.get(topologyKey)
      if (!column) {
        column = {
          domains: { ids: new Int32Array(nodes.capacity).fill(-1), size: 0 },
          numbers: new Map(),
        }
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
