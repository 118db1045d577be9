import type { FieldsV1 } from '../meta.ts'
import { compareElements, selfKey } from './path-element.ts'

/**
 * A set of fields, in the very form in which managedFields hold it: a tree of path elements, where a node belongs to the
 * set when it is empty or has the key `.`, which then comes first. (The root belongs to no set: an empty root is the
 * empty set.) Sets are immutable and share their parts: an operation that changes nothing answers with its argument, so
 * that `===` tells whether something changed. All elements are canonical and in order.
 * Source: structured-merge-diff/fieldpath.Set.
 */
export type FieldSet = FieldsV1

export const emptySet: FieldSet = Object.freeze({})
/** A node that belongs to the set and has nothing below it. */
export const leaf: FieldSet = Object.freeze({})

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether a node belongs to the set itself. */
export function isMember(node: FieldSet): boolean {
  return selfKey in node || isEmptySet(node)
}

/** Whether there are fields of the set below a node. */
export function hasChildren(node: FieldSet): boolean {
  for (const element in node) if (element !== selfKey) return true
  return false
}

/** A node with these children that belongs to the set or not; undefined where it would say nothing. */
export function nodeOf(belongs: boolean, children: FieldSet): FieldSet | undefined {
  if (!hasChildren(children)) return belongs ? leaf : undefined
  if (belongs === selfKey in children) return children
  if (belongs) return { [selfKey]: leaf, ...children }
  const { [selfKey]: _, ...others } = children
  return others
}

/** The set of paths, each a list of canonical elements. */
export function fieldSetOf(...paths: readonly (readonly string[])[]): FieldSet {
  return paths
    .map((path) => path.reduceRight<FieldSet>((node, element) => ({ [element]: node }), leaf))
    .reduce(union, emptySet)
}

/** What belongs to either set. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b
  return isEmptySet(b) ? a : unionOfChildren(a, b)
}

function unionOfNodes(a: FieldSet, b: FieldSet): FieldSet {
  return a === b ? a : nodeOf(isMember(a) || isMember(b), unionOfChildren(a, b))!
}

function unionOfChildren(a: FieldSet, b: FieldSet): FieldSet {
  let result: Record<string, FieldSet> | undefined
  let added = false
  for (const element of Object.keys(b)) {
    if (element === selfKey) continue
    const ours = a[element]
    const merged = ours ? unionOfNodes(ours, b[element]!) : b[element]!
    if (merged === ours) continue
    result ??= { ...a }
    result[element] = merged
    added ||= !ours
  }
  if (!result) return a
  return added ? inOrder(result) : result
}

/** What belongs to both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {}
  for (const element of Object.keys(b)) {
    const ours = element === selfKey ? undefined : a[element]
    if (!ours) continue
    const theirs = b[element]!
    const node = nodeOf(isMember(ours) && isMember(theirs), intersection(ours, theirs))
    if (node) result[element] = node
  }
  return result
}

/** What belongs to `a` and not to `b`. Taking away a field leaves what is below it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return withoutChildren(a, b, (ours, theirs) =>
    nodeOf(isMember(ours) && !isMember(theirs), difference(ours, theirs)),
  )
}

/** What belongs to `a` and not to `b`. Taking away a field takes away all below it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return withoutChildren(a, b, (ours, theirs) =>
    isMember(theirs) ? undefined : nodeOf(isMember(ours), recursiveDifference(ours, theirs)),
  )
}

/** Replaces the children that both have by what `remaining` leaves of them. */
function withoutChildren(
  a: FieldSet,
  b: FieldSet,
  remaining: (ours: FieldSet, theirs: FieldSet) => FieldSet | undefined,
): FieldSet {
  let result: Record<string, FieldSet> | undefined
  for (const element of Object.keys(b)) {
    const ours = element === selfKey ? undefined : a[element]
    if (!ours) continue
    const left = remaining(ours, b[element]!)
    if (left === ours) continue
    result ??= { ...a }
    if (left) result[element] = left
    else delete result[element]
  }
  return result ?? a
}

/** Whether the field at the path belongs to the set. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set
  for (const element of path) {
    node = node[element]
    if (!node) return false
  }
  return path.length > 0 && isMember(node)
}

/** The paths of the set, at each level those that end there before those that go on. */
export function pathsOf(set: FieldSet): string[][] {
  const paths: string[][] = []
  collectPaths(set, [], paths)
  return paths
}

function collectPaths(set: FieldSet, prefix: readonly string[], paths: string[][]): void {
  const elements = Object.keys(set).filter((element) => element !== selfKey)
  for (const element of elements) if (isMember(set[element]!)) paths.push([...prefix, element])
  for (const element of elements) collectPaths(set[element]!, [...prefix, element], paths)
}

/** The same children in upstream's order. */
export function inOrder(children: FieldSet): FieldSet {
  const elements = Object.keys(children)
  if (elements.every((element, index) => index === 0 || compareElements(elements[index - 1]!, element) < 0)) {
    return children
  }
  return Object.fromEntries(elements.sort(compareElements).map((element) => [element, children[element]!]))
}
