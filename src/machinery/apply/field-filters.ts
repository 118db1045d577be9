import { emptySet, isMember, nodeOf, recursiveDifference, type FieldSet } from './field-set.ts'
import { fieldElement, selfKey } from './path-element.ts'

/** Leaves out of a set what a resource's strategy resets, so that nobody comes to own it through that resource. */
export type FieldFilter = (fields: FieldSet) => FieldSet

/** Leaves out the fields at these paths and all below them: `['status'], ['metadata', 'deletionTimestamp']`. */
export function withoutFields(...paths: readonly (readonly string[])[]): FieldFilter {
  let excluded = emptySet
  for (const path of paths) {
    excluded = withPath(excluded, path.map(fieldElement))
  }
  return (fields) => recursiveDifference(fields, excluded)
}

function withPath(set: FieldSet, [first, ...rest]: readonly string[]): FieldSet {
  if (first === undefined) return emptySet
  const below = set[first]
  if (rest.length === 0) return { ...set, [first]: nodeOf(true, below ?? emptySet)! }
  const node = nodeOf(below ? isMember(below) : false, withPath(below ?? emptySet, rest))!
  return { ...set, [first]: node }
}

/** Stands for any element of a path. */
export const anyElement = Symbol('any element')

type Pattern = readonly (string | typeof anyElement)[]

/** Leaves only the fields on the way to these paths and all below them. */
export function onlyFields(...patterns: readonly Pattern[]): FieldFilter {
  return (fields) => matching(fields, patterns)
}

function matching(set: FieldSet, patterns: readonly Pattern[]): FieldSet {
  if (patterns.some((pattern) => pattern.length === 0)) return set
  const result: Record<string, FieldSet> = {}
  for (const element of Object.keys(set)) {
    if (element === selfKey) continue
    const below = patterns
      .filter(([first]) => first === anyElement || (first !== undefined && fieldElement(first) === element))
      .map(([, ...rest]) => rest)
    if (below.length === 0) continue
    const node = set[element]!
    const kept = nodeOf(isMember(node), matching(node, below))
    if (kept) result[element] = kept
  }
  return result
}
