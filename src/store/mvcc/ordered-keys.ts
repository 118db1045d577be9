/** Chunks are split at this length: long enough to be few, short enough that inserting moves little. */
const maxChunkLength = 512

/** Code units from here on sort differently by UTF-16 (as JavaScript compares) and by code point (as bytes compare). */
const unusual = /[\ud800-\uffff]/

/**
 * Items sorted by key in the order of their UTF-8 bytes, as etcd sorts. A list of sorted chunks: finding is
 * logarithmic, inserting and removing touch one chunk, walking a prefix costs its length.
 */
export class OrderedKeys<Item extends { readonly key: string }> {
  readonly #chunks: Item[][] = []
  #length = 0
  /** Only once an unusual key is present can two keys differ first in code units whose two orders disagree. */
  #byCodePoint = false

  get length(): number {
    return this.#length
  }

  /** Adds an item whose key is not present. */
  add(item: Item): void {
    if (!this.#byCodePoint && unusual.test(item.key)) this.#byCodePoint = true
    this.#length++
    const at = this.#chunkFor(item.key)
    const chunk = this.#chunks[at]
    if (!chunk) {
      this.#chunks.push([item])
      return
    }
    chunk.splice(this.#positionIn(chunk, item.key), 0, item)
    if (chunk.length <= maxChunkLength) return
    // Ascending keys are the usual case (names with counters, loading): what they leave behind stays full.
    const first = chunk.at(-1) === item ? maxChunkLength : maxChunkLength >> 1
    this.#chunks.splice(at + 1, 0, chunk.splice(first))
  }

  /** Removes the item with this key, if there is one. */
  remove(key: string): void {
    const at = this.#chunkFor(key)
    const chunk = this.#chunks[at]
    if (!chunk) return
    const position = this.#positionIn(chunk, key)
    if (chunk[position]?.key !== key) return
    chunk.splice(position, 1)
    this.#length--
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** The items whose key starts with `prefix`, in order, from `startKey` on, until `visit` returns false. */
  visit(prefix: string, startKey: string, visit: (item: Item) => boolean): void {
    const from = this.#isBefore(startKey, prefix) ? prefix : startKey
    let at = this.#chunkFor(from)
    let chunk = this.#chunks[at]
    if (!chunk) return
    let position = this.#positionIn(chunk, from)
    while (chunk) {
      // Else every key would be looked at, each in a place of its own in memory.
      const isWithin = chunk.at(-1)!.key.startsWith(prefix)
      for (; position < chunk.length; position++) {
        const item = chunk[position]!
        if (!(isWithin || item.key.startsWith(prefix)) || !visit(item)) return
      }
      chunk = this.#chunks[++at]
      position = 0
    }
  }

  /** How many items have a key that starts with `prefix` and is not before `startKey`. */
  count(prefix: string, startKey: string): number {
    const from = this.#isBefore(startKey, prefix) ? prefix : startKey
    if (!from.startsWith(prefix)) return 0
    const inRangeOrBefore = (item: Item) => this.#isBefore(item.key, prefix) || item.key.startsWith(prefix)
    return this.#rank(inRangeOrBefore) - this.#rank((item) => this.#isBefore(item.key, from))
  }

  /** The number of items for which `isLeft` holds; it holds for a leading run of them. */
  #rank(isLeft: (item: Item) => boolean): number {
    const at = Math.max(0, partition(this.#chunks, (chunk) => isLeft(chunk[0]!)) - 1)
    let rank = 0
    for (let index = 0; index < at; index++) rank += this.#chunks[index]!.length
    const chunk = this.#chunks[at]
    return chunk ? rank + partition(chunk, isLeft) : rank
  }

  /** The index of the chunk that holds `key` or would. */
  #chunkFor(key: string): number {
    return Math.max(0, partition(this.#chunks, (chunk) => !this.#isBefore(key, chunk[0]!.key)) - 1)
  }

  #positionIn(chunk: readonly Item[], key: string): number {
    return partition(chunk, (item) => this.#isBefore(item.key, key))
  }

  #isBefore(left: string, right: string): boolean {
    return this.#byCodePoint ? isBeforeByCodePoint(left, right) : left < right
  }
}

/** The length of the leading run for which `isLeft` holds. */
export function partition<Item>(items: readonly Item[], isLeft: (item: Item) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isLeft(items[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}

function isBeforeByCodePoint(left: string, right: string): boolean {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    if (a !== b) return rankOfCodeUnit(a) < rankOfCodeUnit(b)
  }
  return left.length < right.length
}

/** Moves surrogates, which stand for the code points above U+FFFF, behind the other code units. */
function rankOfCodeUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
