import { writableCopy } from '../copy.ts'
import { goValue } from '../go-format.ts'
import type { JsonValue } from '../meta.ts'
import type { Schema } from '../schema.ts'
import {
  asFields,
  asList,
  deleteListPrefix,
  directive,
  elementKind,
  identityOf,
  indexOfIdentity,
  isDeleteDirective,
  isFields,
  orderElements,
  orderPrefix,
  retainKeysDirective,
  sortBy,
  type Fields,
  type Value,
} from './merge-lists.ts'
import { PatchError } from './patch-error.ts'
import { ruleForList, ruleForObject } from './patch-schema.ts'

/**
 * Strategic merge patch: a merge patch that knows the type, so that lists are merged by their key. Directives:
 * `$patch: replace|delete|merge`, `$retainKeys`, `$setElementOrder/list`, `$deleteFromPrimitiveList/list`. Semantics of
 * k8s.io/apimachinery/pkg/util/strategicpatch. Throws a PatchError; the document and the patch stay as they are, and what
 * the patch does not change is the document's own.
 */
export function applyStrategicMergePatch(document: JsonValue, patch: JsonValue, schema: Schema): JsonValue {
  if (!isFields(document as Value) || !isFields(patch as Value)) {
    throw PatchError.malformed('invalid JSON document')
  }
  return mergeFields(document as Fields, writableCopy(patch) as Fields, schema)
}

/** What a patch makes of `live`, which stays as it is; uses up `patch`. */
function mergeFields(live: Readonly<Fields>, patch: Fields, schema: Schema): Fields {
  if (Object.hasOwn(patch, directive)) return followDirective(patch)
  const original: Fields = { ...live }
  retainKeys(original, patch)
  mergeOrderedLists(original, patch, schema)
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteListPrefix)) deleteScalars(original, key, value)
    else if (value === null) delete original[key]
    else mergeField(original, key, value, schema)
  }
  return original
}

function followDirective({ [directive]: kind, ...fields }: Fields): Fields {
  if (kind === 'replace') return fields
  if (kind === 'delete') return {}
  throw badDirective(kind, { ...fields, [directive]: kind ?? null })
}

function badDirective(kind: Value | undefined, item: Fields): PatchError {
  return PatchError.unexpected(`unknown patch type: ${goValue(kind)} in map: ${goValue(item)}`)
}

/** `$retainKeys` lists every key that may stay. */
function retainKeys(original: Fields, patch: Fields): void {
  const retained = patch[retainKeysDirective]
  if (retained === undefined) return
  delete patch[retainKeysDirective]
  const malformed = PatchError.malformed('invalid patch format of retainKeys')
  if (!Array.isArray(retained)) throw malformed
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(deleteListPrefix) || key.startsWith(orderPrefix)) continue
    if (!retained.includes(key)) throw malformed
  }
  for (const key of Object.keys(original)) if (!retained.includes(key)) delete original[key]
}

/** Merges the lists for which the patch says `$setElementOrder`, and takes them out of the patch. */
function mergeOrderedLists(original: Fields, patch: Fields, schema: Schema): void {
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue
    delete patch[key]
    const elementOrder = asList(order)
    const field = fieldBehind(key, orderPrefix, 'setElementOrder')
    const live = Object.hasOwn(original, field) ? asList(original[field]!) : undefined
    const patched = Object.hasOwn(patch, field) ? asList(patch[field]!) : undefined
    const { schema: items, strategy, mergeKey } = ruleForList(schema, field)
    assertInOrder(patched ?? [], elementOrder, mergeKey)
    if (!live && !patched) continue
    let merged = live ?? []
    if (patched) {
      merged = live
        ? mergeList(live, patched, items, strategy, mergeKey)
        : (withoutDirectives(patched) as Value[])
    }
    elementKind(live ?? [], patched ?? [])
    original[field] = orderElements(merged, elementOrder, live ?? [], mergeKey)
    delete patch[field]
  }
}

function fieldBehind(key: string, prefix: string, name: string): string {
  if (key.startsWith(`${prefix}/`)) return key.slice(prefix.length + 1)
  throw PatchError.malformed(`invalid patch format of ${name} list`)
}

/** The items of the patch must stand in `$setElementOrder` too, in the same order. */
function assertInOrder(patched: readonly Value[], order: readonly Value[], mergeKey: string): void {
  if (order.length === 0 || patched.length === 0) return
  let next = 0
  for (const item of patched) {
    if (mergeKey !== '' && Object.hasOwn(asFields(item), directive)) continue
    const identity = identityOf(item, mergeKey)
    while (next < order.length && identityOf(order[next]!, mergeKey) !== identity) next++
    if (next >= order.length) {
      throw PatchError.unexpected(
        `The order in patch list:\n${goValue(patched)}\n doesn't match ${orderPrefix} list:\n${goValue(order)}\n`,
      )
    }
    next++
  }
}

function deleteScalars(original: Fields, key: string, toDelete: Value): void {
  const field = fieldBehind(key, deleteListPrefix, 'primitive')
  const live = original[field]
  if (!Array.isArray(live) || !Array.isArray(toDelete)) return
  elementKind(live, toDelete)
  original[field] = live.filter((item) => !toDelete.includes(item))
}

function mergeField(original: Fields, key: string, value: Value, schema: Schema): void {
  const live = Object.hasOwn(original, key) ? original[key] : undefined
  if (isFields(value) && isFields(live)) {
    const rule = ruleForObject(schema, key)
    original[key] = rule.strategy === 'replace' ? value : mergeFields(live, value, rule.schema)
  } else if (Array.isArray(value) && Array.isArray(live)) {
    const { schema: items, strategy, mergeKey } = ruleForList(schema, key)
    original[key] = mergeList(live, value, items, strategy, mergeKey)
  } else {
    const kept = withoutDirectives(withoutNulls(value))
    if (kept === undefined) delete original[key]
    else setOwn(original, key, kept)
  }
}

function mergeList(
  live: Value[],
  patch: Value[],
  items: Schema,
  strategy: string,
  mergeKey: string,
): Value[] {
  if (strategy !== 'merge') return patch
  if (live.length === 0 && patch.length === 0) return live
  if (elementKind(live, patch) === 'scalar') {
    return orderElements([...new Set([...live, ...patch])], patch, live, '')
  }
  if (mergeKey === '') throw PatchError.unexpected('cannot merge lists without merge key for struct')

  const { kept, changes, replaced } = followListDirectives(live, patch, mergeKey)
  if (replaced) return sortBy(changes, changes, mergeKey)
  const merged = [...kept]
  for (const change of changes) {
    const index = indexOfIdentity(merged, identityOf(change, mergeKey), mergeKey)
    if (index < 0) merged.push(change)
    else merged[index] = mergeFields(asFields(merged[index]!), change, items)
  }
  return orderElements(merged, changes, kept, mergeKey)
}

/** Takes the items with `$patch` out of the patch, and what they delete out of the live list. */
function followListDirectives(
  live: readonly Value[],
  patch: readonly Value[],
  mergeKey: string,
): { readonly kept: readonly Value[]; readonly changes: readonly Fields[]; readonly replaced: boolean } {
  let kept = live
  let replaced = false
  const changes: Fields[] = []
  for (const item of patch as readonly Fields[]) {
    if (!Object.hasOwn(item, directive)) {
      changes.push(item)
    } else if (isDeleteDirective(item)) {
      const identity = identityOf(item, mergeKey)
      kept = kept.filter((candidate) => indexOfIdentity([candidate], identity, mergeKey) < 0)
    } else if (item[directive] === 'replace') {
      replaced = true
    } else if (item[directive] === 'merge') {
      throw PatchError.unexpected('merging lists cannot yet be specified in the patch')
    } else {
      throw badDirective(item[directive], item)
    }
  }
  return { kept, changes, replaced }
}

/** A new value without the parts that only direct the patch; undefined when nothing else is left. */
function withoutDirectives(value: Value): Value | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined)
  if (!isFields(value)) return value
  if (Object.hasOwn(value, directive)) return undefined
  const kept: Fields = {}
  for (const [key, item] of Object.entries(value)) {
    const inner = withoutDirectives(item)
    if (inner !== undefined) setOwn(kept, key, inner)
  }
  return kept
}

/** Null in a new object means nothing. In lists it stays. */
function withoutNulls(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isFields(value)) return value
  const kept: Fields = {}
  for (const [key, item] of Object.entries(value)) if (item !== null) setOwn(kept, key, withoutNulls(item))
  return kept
}

/** Assignment, except that a key named `__proto__` is a key like any other. */
function setOwn(fields: Fields, key: string, value: Value): void {
  if (key === '__proto__')
    Object.defineProperty(fields, key, { value, enumerable: true, writable: true, configurable: true })
  else fields[key] = value
}
