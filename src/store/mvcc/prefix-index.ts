import { partition } from './ordered-keys.ts'

export interface PrefixNode<Item> {
  readonly prefix: string
  readonly items: Set<Item>
  /** The longest other prefix in the index that this one starts with. */
  parent: PrefixNode<Item> | undefined
}

/**
 * Items filed under prefixes, found by key. The prefixes of a key are the ancestors of the last prefix that sorts
 * at or before it, so a search costs a binary search plus the depth, however many items there are.
 */
export class PrefixIndex<Item> {
  /** Sorted by prefix; which order does not matter as long as prefixes come before what starts with them. */
  readonly #nodes: PrefixNode<Item>[] = []

  add(prefix: string, item: Item): void {
    const at = this.#find(prefix)
    const existing = this.#nodes[at - 1]
    if (existing?.prefix === prefix) {
      existing.items.add(item)
      return
    }
    const node: PrefixNode<Item> = { prefix, items: new Set([item]), parent: this.longest(prefix) }
    for (const longer of this.#longerFrom(at, prefix)) if (longer.parent === node.parent) longer.parent = node
    this.#nodes.splice(at, 0, node)
  }

  remove(prefix: string, item: Item): void {
    const at = this.#find(prefix) - 1
    const node = this.#nodes[at]
    if (node?.prefix !== prefix) return
    node.items.delete(item)
    if (node.items.size > 0) return
    for (const longer of this.#longerFrom(at + 1, prefix))
      if (longer.parent === node) longer.parent = node.parent
    this.#nodes.splice(at, 1)
  }

  /** The node of the longest prefix that `key` starts with; its ancestors are the other ones. */
  longest(key: string): PrefixNode<Item> | undefined {
    let node = this.#nodes[this.#find(key) - 1]
    while (node && !key.startsWith(node.prefix)) node = node.parent
    return node
  }

  #find(key: string): number {
    return partition(this.#nodes, (node) => node.prefix <= key)
  }

  /** The nodes from `at` on whose prefixes start with `prefix`: they stand together. */
  #longerFrom(at: number, prefix: string): readonly PrefixNode<Item>[] {
    const end = partition(this.#nodes, (node) => node.prefix < prefix || node.prefix.startsWith(prefix))
    return this.#nodes.slice(at, end)
  }
}
