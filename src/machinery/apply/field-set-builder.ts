import { emptySet, leaf, type FieldSet } from './field-set.ts'
import { compareElements, selfKey } from './path-element.ts'

/** Collects fields into a set, node by node. */
export class FieldSetBuilder {
  #belongs = false
  /** Most nodes have none. */
  #children: Map<string, FieldSetBuilder> | undefined

  /** The node below an element. */
  child(element: string): FieldSetBuilder {
    const children = (this.#children ??= new Map<string, FieldSetBuilder>())
    let child = children.get(element)
    if (!child) {
      child = new FieldSetBuilder()
      children.set(element, child)
    }
    return child
  }

  /** Makes the node belong to the set. */
  add(): void {
    this.#belongs = true
  }

  /** The fields collected below this node, as the root of a set. */
  build(): FieldSet {
    return this.#node(false) ?? emptySet
  }

  #node(belongs: boolean): FieldSet | undefined {
    const children = this.#children
    if (!children) return belongs ? leaf : undefined
    const elements = [...children.keys()]
    if (elements.length > 1) elements.sort(compareElements)
    const node: Record<string, FieldSet> = {}
    let empty = true
    for (const element of elements) {
      const child = children.get(element)!
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
