import { writableCopy } from '../copy.ts'
import { jsonEqual } from '../equal.ts'
import { compareGoStrings, goValue } from '../go-format.ts'
import type { JsonValue } from '../meta.ts'
import type { Schema } from '../schema.ts'
import {
  asFields,
  deleteListPrefix,
  directive,
  elementKind,
  identityOf,
  indexOfIdentity,
  isFields,
  orderPrefix,
  retainKeysDirective,
  sortBy,
  type Fields,
  type Value,
} from './merge-lists.ts'
import { ruleForList, ruleForObject } from './patch-schema.ts'

/**
 * The strategic merge patch that turns `original` into `modified`, as clients make it (upstream's
 * CreateTwoWayMergePatch): with `$setElementOrder` where a merged list changes. Throws a PatchError.
 */
export function createTwoWayMergePatch(original: JsonValue, modified: JsonValue, schema: Schema): JsonValue {
  return diffFields(writableCopy(original) as Fields, writableCopy(modified) as Fields, schema, false)
}

function diffFields(original: Fields, modified: Fields, schema: Schema, listRetainedKeys: boolean): Fields {
  const patch: Fields = {}
  for (const [key, value] of Object.entries(modified)) {
    const previous = Object.hasOwn(original, key) ? original[key] : undefined
    if (isFields(previous) && isFields(value)) diffObject(patch, key, previous, value, schema)
    else if (Array.isArray(previous) && Array.isArray(value)) diffList(patch, key, previous, value, schema)
    else if (!jsonEqual(previous, value)) patch[key] = value
  }
  const removed = Object.keys(original).filter((key) => !Object.hasOwn(modified, key))
  for (const key of removed) patch[key] = null
  const retained = Object.keys(modified).filter((key) => modified[key] !== null)
  if (listRetainedKeys && retained.length > 0 && Object.keys(patch).length > 0) {
    patch[retainKeysDirective] = retained.sort(compareGoStrings)
  }
  return patch
}

function diffObject(patch: Fields, key: string, original: Fields, modified: Fields, schema: Schema): void {
  if (jsonEqual(original, modified)) return
  const rule = ruleForObject(schema, key)
  const change =
    rule.strategy === 'replace' ? modified : diffFields(original, modified, rule.schema, rule.retainKeys)
  if (Object.keys(change).length > 0) patch[key] = change
}

function diffList(patch: Fields, key: string, original: Value[], modified: Value[], schema: Schema): void {
  if (jsonEqual(original, modified)) return
  const rule = ruleForList(schema, key)
  if (rule.strategy !== 'merge' || original.length === 0) {
    patch[key] = modified
    return
  }
  if (elementKind(original, modified) === 'scalar') diffScalars(patch, key, original, modified)
  else diffItems(patch, key, original, modified, rule)
}

function diffScalars(patch: Fields, key: string, original: Value[], modified: Value[]): void {
  const deleted = [...new Set(original.filter((item) => !modified.includes(item)))].sort(byText)
  const added = sortBy(
    modified.filter((item) => !original.includes(item)),
    modified,
    '',
  )
  if (added.length > 0) patch[key] = added
  if (deleted.length > 0) patch[`${deleteListPrefix}/${key}`] = deleted
  if (modified.length > 0) patch[`${orderPrefix}/${key}`] = modified
}

function diffItems(
  patch: Fields,
  key: string,
  original: Value[],
  modified: Value[],
  { schema, mergeKey, retainKeys }: ReturnType<typeof ruleForList>,
): void {
  const changes: Value[] = []
  for (const item of modified) {
    const identity = identityOf(item, mergeKey)
    const index = indexOfIdentity(original, identity, mergeKey)
    if (index < 0) {
      changes.push(item)
      continue
    }
    const change = diffFields(asFields(original[index]!), asFields(item), schema, retainKeys)
    if (Object.keys(change).length > 0) changes.push({ ...change, [mergeKey]: identity })
  }
  const deletions = original
    .map((item) => identityOf(item, mergeKey))
    .filter((identity) => indexOfIdentity(modified, identity, mergeKey) < 0)
    .sort(byText)
    .map((identity) => ({ [mergeKey]: identity, [directive]: 'delete' }))
  const content = [...changes, ...deletions]
  if (content.length > 0) patch[key] = content
  if (modified.length === 0) return
  patch[`${orderPrefix}/${key}`] = modified.map((item) => ({ [mergeKey]: identityOf(item, mergeKey) }))
}

function byText(a: Value, b: Value): number {
  return compareGoStrings(goValue(a), goValue(b))
}
