import type { CelValue } from './value.ts'

/** Items in order. */
export abstract class CelList implements Iterable<CelValue> {
  abstract readonly size: number
  /** `index` is below size. */
  abstract at(index: number): CelValue

  *[Symbol.iterator](): Iterator<CelValue> {
    for (let index = 0; index < this.size; index++) yield this.at(index)
  }

  toArray(): CelValue[] {
    return Array.from({ length: this.size }, (_, index) => this.at(index))
  }
}

/** A list that the expression made. */
export class ArrayList extends CelList {
  readonly items: readonly CelValue[]

  constructor(items: readonly CelValue[]) {
    super()
    this.items = items
  }

  override get size(): number {
    return this.items.length
  }

  override at(index: number): CelValue {
    return this.items[index]!
  }

  override toArray(): CelValue[] {
    return [...this.items]
  }
}

/** Two lists as one, without copying. */
export class ConcatenatedList extends CelList {
  readonly #first: CelList
  readonly #second: CelList
  readonly #split: number

  constructor(first: CelList, second: CelList) {
    super()
    this.#first = first
    this.#second = second
    this.#split = first.size
  }

  override get size(): number {
    return this.#split + this.#second.size
  }

  override at(index: number): CelValue {
    return index < this.#split ? this.#first.at(index) : this.#second.at(index - this.#split)
  }
}

/** A JSON array; items are wrapped when they are read. */
export class JsonList extends CelList {
  readonly raw: readonly unknown[]
  readonly #wrap: (raw: unknown) => CelValue

  constructor(raw: readonly unknown[], wrap: (raw: unknown) => CelValue) {
    super()
    this.raw = raw
    this.#wrap = wrap
  }

  override get size(): number {
    return this.raw.length
  }

  override at(index: number): CelValue {
    return this.#wrap(this.raw[index])
  }
}

/**
 * A list whose schema says `x-kubernetes-list-type: set` or `map`: equality has no regard to order, and `+` merges by
 * the items or by their keys.
 */
export class AssociativeList extends CelList {
  readonly items: CelList
  /** What identifies an item. */
  readonly keyOf: (item: CelValue) => unknown

  constructor(items: CelList, keyOf: (item: CelValue) => unknown) {
    super()
    this.items = items
    this.keyOf = keyOf
  }

  override get size(): number {
    return this.items.size
  }

  override at(index: number): CelValue {
    return this.items.at(index)
  }

  /** Items of `other` replace those with the same key where they stand, or are appended. */
  merge(other: CelList): AssociativeList {
    const merged = this.items.toArray()
    const places = new Map(merged.map((item, place) => [this.keyOf(item), place]))
    for (const item of other) {
      const key = this.keyOf(item)
      const place = places.get(key) ?? merged.length
      places.set(key, place)
      merged[place] = item
    }
    return new AssociativeList(new ArrayList(merged), this.keyOf)
  }
}

/** The accumulator of a comprehension: grows in place, as nobody else sees it before it is done. */
export class GrowingList extends CelList {
  readonly #items: CelValue[] = []

  override get size(): number {
    return this.#items.length
  }

  override at(index: number): CelValue {
    return this.#items[index]!
  }

  append(items: CelList): this {
    for (const item of items) this.#items.push(item)
    return this
  }
}
