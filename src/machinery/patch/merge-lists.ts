import { goValue } from '../go-format.ts'
import { PatchError } from './patch-error.ts'

/** Helpers for lists in strategic merge patches: lists of objects with a merge key, or of scalars. */

export type Value = null | string | number | boolean | Value[] | Fields
export interface Fields {
  [key: string]: Value
}

export const directive = '$patch'
export const deleteListPrefix = '$deleteFromPrimitiveList'
export const orderPrefix = '$setElementOrder'
export const retainKeysDirective = '$retainKeys'

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As reflect.TypeOf prints decoded JSON. */
export function goType(value: Value | undefined): string {
  if (value === null || value === undefined) return '%!s(<nil>)'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

function badType(expected: 'map[string]interface {}' | '[]interface {}', actual: Value): PatchError {
  return PatchError.unexpected(`expected a ${expected}, but received a ${goType(actual)}`)
}

function noMergeKey(item: Fields, mergeKey: string): PatchError {
  return PatchError.unexpected(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`)
}

export function asFields(value: Value): Fields {
  if (!isFields(value)) throw badType('map[string]interface {}', value)
  return value
}

export function asList(value: Value): Value[] {
  if (!Array.isArray(value)) throw badType('[]interface {}', value)
  return value
}

/** The merge key's value of an item, or the scalar itself where there is no merge key. */
export function identityOf(item: Value, mergeKey: string): Value {
  if (mergeKey === '') return item
  const fields = asFields(item)
  const identity = Object.hasOwn(fields, mergeKey) ? fields[mergeKey] : undefined
  if (identity === undefined) throw noMergeKey(fields, mergeKey)
  return identity
}

export function indexOfIdentity(list: readonly Value[], identity: Value, mergeKey: string): number {
  return list.findIndex((item, index) => {
    if (mergeKey === '') return item === identity
    if (!isFields(item)) throw PatchError.unexpected(`value for key ${index} is not a map`)
    return Object.hasOwn(item, mergeKey) && item[mergeKey] === identity
  })
}

/** What the items are; all must be alike, and no lists. Undefined when there are none. */
export function elementKind(...lists: readonly (readonly Value[])[]): 'fields' | 'scalar' | undefined {
  let kind: string | undefined
  for (const item of lists.flat(1)) {
    const next = typeof item === 'number' ? 'number' : goType(item)
    if (Array.isArray(item)) throw PatchError.inapplicable('lists of lists are not supported')
    if (kind !== undefined && next !== kind) {
      throw PatchError.unexpected(`list element types are not identical: ${goValue(lists)}`)
    }
    kind = next
  }
  if (kind === undefined) return undefined
  return kind === 'map[string]interface {}' ? 'fields' : 'scalar'
}

export function isDeleteDirective(item: Value): boolean {
  return isFields(item) && item[directive] === 'delete'
}

/**
 * The merged items in their final order. Those named in `patchOrder` follow it; the others keep the order they had in
 * `liveOrder`, and each stands as early as that order asks for.
 */
export function orderElements(
  merged: readonly Value[],
  patchOrder: readonly Value[],
  liveOrder: readonly Value[],
  mergeKey: string,
): Value[] {
  const inPatch = (item: Value) => indexOfIdentity(patchOrder, identityOf(item, mergeKey), mergeKey) >= 0
  const patched = sortBy(merged.filter(inPatch), patchOrder, mergeKey)
  const liveOnly = sortBy(
    merged.filter((item) => !inPatch(item)),
    liveOrder,
    mergeKey,
  )
  return interleave(liveOnly, patched, liveOrder, mergeKey)
}

/** Stable; items to be deleted come last. */
export function sortBy(items: readonly Value[], order: readonly Value[], mergeKey: string): Value[] {
  const rank = (item: Value) =>
    isDeleteDirective(item) ? order.length : indexOfIdentity(order, identityOf(item, mergeKey), mergeKey)
  return items
    .map((item) => ({ item, rank: rank(item) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

function interleave(
  left: readonly Value[],
  right: readonly Value[],
  order: readonly Value[],
  mergeKey: string,
): Value[] {
  const rank = (item: Value) => indexOfIdentity(order, identityOf(item, mergeKey), mergeKey)
  const result: Value[] = []
  let next = 0
  for (const item of right) {
    const limit = rank(item)
    for (; next < left.length; next++) {
      const candidate = rank(left[next]!)
      if (limit < 0 || candidate < 0 || candidate >= limit) break
      result.push(left[next]!)
    }
    result.push(item)
  }
  return [...result, ...left.slice(next)]
}
