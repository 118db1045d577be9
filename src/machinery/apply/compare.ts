import { jsonEqual } from '../equal.ts'
import type { JsonValue } from '../meta.ts'
import type { ListSchema, Schema } from '../schema.ts'
import type { FieldSet } from './field-set.ts'
import { FieldSetBuilder } from './field-set-builder.ts'
import { fieldElement } from './path-element.ts'
import {
  fieldOf,
  haveSamePlace,
  isObject,
  itemElement,
  ownValue,
  schemaOfKey,
  shapeOf,
  zeroValue,
  type JsonObject,
} from './typed.ts'

/** What became of the fields between two values of one type. No field is in more than one of the sets. */
export interface Comparison {
  readonly removed: FieldSet
  /** In both, with different values. */
  readonly modified: FieldSet
  readonly added: FieldSet
}

/** Compares two values by their schema. Throws a TypedValueError when items have no place in their list. */
export function compareTyped(left: JsonValue, right: JsonValue, schema: Schema): Comparison {
  const root = new Place(undefined, '')
  compareGranular(root, left, right, schema)
  return { removed: root.removed.build(), modified: root.modified.build(), added: root.added.build() }
}

/** A place in the tree; what it reports goes into sets that exist only once something is reported. */
class Place {
  readonly #parent: Place | undefined
  readonly #element: string | (() => string)
  #removed: FieldSetBuilder | undefined
  #modified: FieldSetBuilder | undefined
  #added: FieldSetBuilder | undefined

  constructor(parent: Place | undefined, element: string | (() => string)) {
    this.#parent = parent
    this.#element = element
  }

  get removed(): FieldSetBuilder {
    return (this.#removed ??= this.#parent ? this.#parent.removed.child(this.element) : new FieldSetBuilder())
  }

  get modified(): FieldSetBuilder {
    return (this.#modified ??= this.#parent
      ? this.#parent.modified.child(this.element)
      : new FieldSetBuilder())
  }

  get added(): FieldSetBuilder {
    return (this.#added ??= this.#parent ? this.#parent.added.child(this.element) : new FieldSetBuilder())
  }

  get element(): string {
    return typeof this.#element === 'string' ? this.#element : this.#element()
  }
}

type Value = JsonValue | undefined

/** Compares what stands under one element; at most one of the values may be undefined. */
function compareAt(
  parent: Place,
  element: string | (() => string),
  left: Value,
  right: Value,
  schema: Schema,
): void {
  if (left === right) return
  const place = new Place(parent, element)
  const leftShape = shapeOf(schema, left)
  const rightShape = shapeOf(schema, right)
  if (right !== undefined && left !== undefined && leftShape !== rightShape) {
    // Only where the schema allows anything: what was an object is now something else, or the reverse.
    if (leftShape === 'map') compareGranular(place, left, undefined, schema)
    else compareGranular(place, undefined, right, schema)
    place.modified.add()
    return
  }
  const shape = right === undefined ? leftShape : rightShape
  if (shape === 'leaf' || (isEmpty(left) && isEmpty(right))) return compareLeaf(place, left, right)
  compareGranular(place, left, right, schema)
  if (left === undefined) place.added.add()
  else if (right === undefined) place.removed.add()
}

function compareLeaf(place: Place, left: Value, right: Value): void {
  if (left === undefined) place.added.add()
  else if (right === undefined) place.removed.add()
  else if (!jsonEqual(left, right)) place.modified.add()
}

/** Null and nothing count as empty, and so does what is neither an object nor a list. */
function isEmpty(value: Value): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (!isObject(value)) return true
  for (const _ in value) return false
  return true
}

function compareGranular(place: Place, left: Value, right: Value, schema: Schema): void {
  if (schema.type === 'list') {
    compareItems(place, listOf(left), listOf(right), schema)
  } else {
    compareFields(place, isObject(left) ? left : undefined, isObject(right) ? right : undefined, schema)
  }
}

function listOf(value: Value): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : []
}

function compareFields(
  place: Place,
  left: JsonObject | undefined,
  right: JsonObject | undefined,
  schema: Schema,
): void {
  if (right) {
    for (const key of Object.keys(right)) {
      const value = right[key]
      const known = left && ownValue(left, key)
      if (value === known || value === undefined) continue
      const field = fieldOf(schema, key)
      const previous = known === undefined && left ? zeroValue(field) : known
      if (value === previous || (known === undefined && previous === null && isEmpty(value))) continue
      compareAt(place, fieldElement(key), previous, value, schemaOfKey(schema, key, field))
    }
  }
  if (left) {
    for (const key of Object.keys(left)) {
      const value = left[key]
      if (value === undefined || (right && ownValue(right, key) !== undefined)) continue
      const next = right && zeroValue(fieldOf(schema, key))
      compareAt(place, fieldElement(key), value, next, schemaOfKey(schema, key))
    }
  }
}

function compareItems(
  place: Place,
  left: readonly JsonValue[],
  right: readonly JsonValue[],
  schema: ListSchema,
): void {
  if (areAligned(left, right, schema)) {
    left.forEach((item, index) => {
      compareAt(place, () => itemElement(schema, item), item, right[index], schema.items)
    })
    return
  }
  if (isFewAndDistinct(left, schema) && isFewAndDistinct(right, schema)) {
    const find = (item: JsonValue, among: readonly JsonValue[]) =>
      among.find((other) => haveSamePlace(schema, item, other))
    const compare = (item: JsonValue, previous: Value, next: Value) =>
      compareAt(place, () => itemElement(schema, item), previous, next, schema.items)
    for (const item of left) compare(item, item, find(item, right))
    for (const item of right) if (find(item, left) === undefined) compare(item, undefined, item)
    return
  }
  const leftItems = itemsByElement(left, schema)
  const rightItems = itemsByElement(right, schema)
  for (const [element, items] of leftItems) {
    compareGroups(place, element, items, rightItems.get(element) ?? [], schema)
  }
  for (const [element, items] of rightItems) {
    if (!leftItems.has(element)) compareGroups(place, element, [], items, schema)
  }
}

/** The usual case: the same items in the same order, none of them twice. */
function areAligned(left: readonly JsonValue[], right: readonly JsonValue[], schema: ListSchema): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) {
    const item = left[index]!
    if (!haveSamePlace(schema, item, right[index]!)) return false
    for (let earlier = 0; earlier < index; earlier++) {
      if (haveSamePlace(schema, item, left[earlier]!)) return false
    }
  }
  return true
}

/** More than these are found faster by the text of their place. */
const fewItems = 16

/** Whether items can be found by looking at each: none stands twice, and all have what tells them apart. */
function isFewAndDistinct(items: readonly JsonValue[], schema: ListSchema): boolean {
  return (
    items.length <= fewItems &&
    items.every((item, index) => items.findIndex((other) => haveSamePlace(schema, item, other)) === index)
  )
}

function itemsByElement(items: readonly JsonValue[], schema: ListSchema): Map<string, JsonValue[]> {
  const byElement = new Map<string, JsonValue[]>()
  for (const item of items) {
    const element = itemElement(schema, item)
    const group = byElement.get(element)
    if (group) group.push(item)
    else byElement.set(element, [item])
  }
  return byElement
}

/** Items that stand at one place more than once are compared, owned and removed as one. */
function compareGroups(
  place: Place,
  element: string,
  left: readonly JsonValue[],
  right: readonly JsonValue[],
  schema: ListSchema,
): void {
  if (left.length <= 1 && right.length <= 1) {
    compareAt(place, element, left[0], right[0], schema.items)
  } else if (left.length >= 2 && right.length >= 2) {
    if (!jsonEqual(left, right)) new Place(place, element).modified.add()
  } else if (left.length >= 2) {
    if (right.length > 0) compareAt(place, element, undefined, right[0], schema.items)
    new Place(place, element).removed.add()
  } else {
    if (left.length > 0) compareAt(place, element, left[0], undefined, schema.items)
    new Place(place, element).added.add()
  }
}
