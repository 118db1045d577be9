import { writableCopy } from '../copy.ts'
import { jsonEqual } from '../equal.ts'
import type { JsonValue } from '../meta.ts'
import { PatchError } from './patch-error.ts'

type JsonObject = { [key: string]: JsonValue }

/**
 * JSON Merge Patch (RFC 7386): keys of the patch replace those of the document, objects are merged, null removes.
 * Null inside new objects is dropped, also where those stand in lists, as evanphx/json-patch does. Throws a PatchError
 * when the patch is neither an object nor a list.
 */
export function applyMergePatch(document: JsonValue, patch: JsonValue): JsonValue {
  if (!isObject(patch) && !Array.isArray(patch)) throw PatchError.malformed('Invalid JSON Patch')
  return merge(document, patch)
}

function merge(document: JsonValue, patch: JsonValue): JsonValue {
  if (!isObject(document)) return withoutNulls(patch)
  if (!isObject(patch)) return writableCopy(patch)
  const merged: JsonObject = { ...document }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      delete merged[key]
    } else {
      const previous = Object.hasOwn(merged, key) ? merged[key]! : null
      setOwn(merged, key, previous === null ? withoutNulls(value) : merge(previous, value))
    }
  }
  return merged
}

function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const kept: JsonObject = {}
  for (const [key, item] of Object.entries(value)) if (item !== null) setOwn(kept, key, withoutNulls(item))
  return kept
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Assignment, except that a key named `__proto__` is a key like any other. */
function setOwn(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  else object[key] = value
}

/** The merge patch that turns `original` into `modified`. */
export function createMergePatch(original: JsonValue, modified: JsonValue): JsonValue {
  if (!isObject(original) || !isObject(modified)) return writableCopy(modified)
  const patch: JsonObject = {}
  for (const key of Object.keys(original)) if (!Object.hasOwn(modified, key)) patch[key] = null
  for (const [key, value] of Object.entries(modified)) {
    const previous = Object.hasOwn(original, key) ? original[key] : undefined
    if (previous === undefined) setOwn(patch, key, writableCopy(value) as JsonValue)
    else if (isObject(previous) && isObject(value)) {
      const inner = createMergePatch(previous, value) as JsonObject
      if (Object.keys(inner).length > 0) setOwn(patch, key, inner)
    } else if (!jsonEqual(previous, value)) setOwn(patch, key, writableCopy(value) as JsonValue)
  }
  return patch
}
