import type { FieldsV1 } from '../meta.ts'
import { inOrder, isEmptySet, leaf, nodeOf, union, type FieldSet } from './field-set.ts'
import { canonicalElement, compareElements, selfKey } from './path-element.ts'

const decoded = new WeakMap<FieldsV1, FieldSet>()

/**
 * Reads a tree that came from outside: the same object when it is well-formed, and the answer is remembered. Elements of
 * unknown kinds are dropped. Throws an Error when an element is malformed.
 */
export function decodeFieldSet(fields: FieldsV1): FieldSet {
  let set = decoded.get(fields)
  if (!set) {
    set = isCanonical(fields, true) ? fields : canonicalChildren(fields, true)
    decoded.set(fields, set)
    if (set !== fields) decoded.set(set, set)
  }
  return set
}

/** Says that a set made here need not be checked when it comes back. */
export function rememberCanonical(set: FieldSet): void {
  if (decoded.get(set) !== set) decoded.set(set, set)
}

/** Whether a tree is as it should be throughout: nearly all are, since they were written by an API server. */
function isCanonical(tree: FieldsV1, isRoot: boolean): boolean {
  let previous: string | undefined
  let isFirst = true
  for (const text in tree) {
    const node = tree[text] as FieldsV1 | null
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return false
    if (text === selfKey) {
      if (isRoot || !isFirst || !isEmptySet(node)) return false
    } else {
      if (!text.startsWith('f:') && canonicalElement(text) !== text) return false
      if (previous !== undefined && compareElements(previous, text) >= 0) return false
      if (!isEmptySet(node) && !isCanonical(node, false)) return false
      previous = text
    }
    isFirst = false
  }
  return isRoot || previous !== undefined
}

function canonicalChildren(tree: FieldsV1, isRoot: boolean): FieldSet {
  const texts = Object.keys(tree)
  let canonical: FieldSet = {}
  let unchanged = true
  let previous: string | undefined
  for (const [index, text] of texts.entries()) {
    if (text === selfKey && !isRoot && index === 0) continue
    const element = text === selfKey ? undefined : canonicalElement(text)
    const node = element === undefined ? undefined : canonicalNode(tree[text])
    unchanged &&= element === text && node === tree[text]
    if (element === undefined || !node) continue
    unchanged &&= previous === undefined || compareElements(previous, element) < 0
    previous = element
    if (element in canonical) canonical = union(canonical, { [element]: node })
    else (canonical as Record<string, FieldSet>)[element] = node
  }
  return unchanged ? tree : inOrder(canonical)
}

function canonicalNode(node: unknown): FieldSet {
  if (node === null) return leaf
  if (typeof node !== 'object' || Array.isArray(node)) throw new Error('expected an object')
  const tree = node as FieldsV1
  if (isEmptySet(tree)) return tree
  const children = canonicalChildren(tree, false)
  return nodeOf(selfKey in tree || isEmptySet(children), children)!
}
