import { emptySet, leaf, type FieldSet } from './field-set.ts'
import { compareElements, selfKey } from './path-element.ts'

/** Collects fields into a set, node by node. */
export class FieldSetBuilder {
  #belongs = false
  readonly #children = new Map<string, FieldSetBuilder>()

  /** The node below an element. */
  child(element: string): FieldSetBuilder {
    let child = this.#children.get(element)
    if (!child) {
      child = new FieldSetBuilder()
      this.#children.set(element, child)
    }
    return child
  }

  /** Makes the node belong to the set. */
  add(): void {
    this.#belongs = true
  }

  /** The fields collected below this node, as the root of a set. */
  build(): FieldSet {
    return this.#children.size === 0 ? emptySet : (this.#node(false) ?? emptySet)
  }

  #node(belongs: boolean): FieldSet | undefined {
    const elements = [...this.#children.keys()]
    if (elements.length > 1) elements.sort(compareElements)
    const node: Record<string, FieldSet> = {}
    let empty = true
    for (const element of elements) {
      const child = this.#children.get(element)!
      const below = child.#node(child.#belongs)
      if (!below) continue
      if (empty && belongs) node[selfKey] = leaf
      empty = false
      node[element] = below
    }
    if (!empty) return node
    return belongs ? leaf : undefined
  }
}
