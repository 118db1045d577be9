import { jsonEqual } from '../equal.ts'
import type { JsonValue } from '../meta.ts'
import type { ListSchema, Schema } from '../schema.ts'
import {
  TypedValueError,
  isObject,
  itemElement,
  ownValue,
  schemaOfKey,
  shapeOf,
  type JsonObject,
} from './typed.ts'

/**
 * The live value with the applied one merged in: nothing is removed, leaves are those of the applied value, items stand
 * in its order as far as it has one. Answers with the live value itself where nothing changes. Throws a TypedValueError
 * when the applied value has an item twice.
 */
export function mergeTyped(live: JsonValue, applied: JsonValue, schema: Schema): JsonValue {
  return merge(live, applied, schema)!
}

type Value = JsonValue | undefined

function merge(live: Value, applied: Value, schema: Schema): Value {
  if (applied === undefined || live === applied) return live
  if (live === undefined) return applied
  switch (shapeOf(schema, applied)) {
    case 'leaf':
      return jsonEqual(live, applied) ? live : applied
    case 'list':
      return mergeItems(listOf(live), listOf(applied), applied, schema as ListSchema)
    case 'map':
      return mergeFields(isObject(live) ? live : {}, isObject(applied) ? applied : {}, live, applied, schema)
  }
}

function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : []
}

function mergeFields(
  live: JsonObject,
  applied: JsonObject,
  liveValue: JsonValue,
  appliedValue: JsonValue,
  schema: Schema,
): JsonValue {
  const appliedKeys = Object.keys(applied)
  if (appliedKeys.length === 0) return Object.keys(live).length === 0 ? appliedValue : liveValue
  let merged: Record<string, JsonValue> | undefined
  for (const key of appliedKeys) {
    const previous = ownValue(live, key)
    const value = merge(previous, applied[key], schemaOfKey(schema, key))
    if (value === previous || value === undefined) continue
    merged ??= { ...live }
    Object.defineProperty(merged, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return merged ?? liveValue
}

function mergeItems(
  live: readonly JsonValue[],
  applied: readonly JsonValue[],
  appliedValue: JsonValue,
  schema: ListSchema,
): JsonValue {
  if (live.length === 0 && applied.length === 0) return appliedValue
  if (applied.length === 0) return live
  const merged = new ItemMerger(live, applied, schema).merge()
  return merged.length === live.length && merged.every((item, index) => item === live[index]) ? live : merged
}

/**
 * Items of both lists follow the applied order; live items that were not applied keep their place among the live ones.
 */
class ItemMerger {
  readonly #live: readonly JsonValue[]
  readonly #schema: ListSchema
  readonly #liveElements: readonly string[]
  readonly #appliedElements: readonly string[]
  /** Null where the live list has the item twice: then the applied one replaces them. */
  readonly #liveItems = new Map<string, JsonValue>()
  readonly #appliedItems = new Map<string, JsonValue>()

  constructor(live: readonly JsonValue[], applied: readonly JsonValue[], schema: ListSchema) {
    this.#live = live
    this.#schema = schema
    this.#liveElements = live.map((item) => itemElement(schema, item))
    this.#appliedElements = applied.map((item) => itemElement(schema, item))
    this.#liveElements.forEach((element, index) => {
      this.#liveItems.set(element, this.#liveItems.has(element) ? null : live[index]!)
    })
    this.#appliedElements.forEach((element, index) => {
      if (this.#appliedItems.has(element)) throw new TypedValueError('duplicate entries for key')
      this.#appliedItems.set(element, applied[index]!)
    })
  }

  merge(): JsonValue[] {
    const merged: JsonValue[] = []
    const placed = new Set<string>()
    const shared = this.#appliedElements.filter((element) => this.#liveItems.has(element))
    let nextShared = shared.shift()
    let liveIndex = 0
    let appliedIndex = 0
    const takeApplied = (element: string) => {
      placed.add(element)
      merged.push(merge(this.#liveItems.get(element), this.#appliedItems.get(element), this.#schema.items)!)
      appliedIndex++
      if (nextShared === element) nextShared = shared.shift()
    }
    while (liveIndex < this.#liveElements.length || appliedIndex < this.#appliedElements.length) {
      const live = this.#liveElements[liveIndex]
      const applied = this.#appliedElements[appliedIndex]
      if (live !== undefined && live === applied) {
        takeApplied(applied)
        liveIndex++
        continue
      }
      const isShared = live !== undefined && this.#appliedItems.has(live)
      if (
        live !== undefined &&
        applied !== undefined &&
        isShared &&
        nextShared !== undefined &&
        nextShared !== live
      ) {
        // Its turn comes with the applied order.
        liveIndex++
        continue
      }
      if (live !== undefined && !isShared) {
        merged.push(this.#live[liveIndex]!)
        liveIndex++
        continue
      }
      if (live !== undefined && placed.has(live)) liveIndex++
      if (applied !== undefined) takeApplied(applied)
    }
    return merged
  }
}
