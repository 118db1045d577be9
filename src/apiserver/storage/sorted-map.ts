/** How many keys a chunk may hold before it is split. Keeps insertion cheap at any size of the map. */
const maxChunkLength = 512

/** A map that is also listed in the order of its keys: constant look-up, insertion and removal among few keys. */
export class SortedMap<Value> {
  readonly #values = new Map<string, Value>()
  /** All keys in ascending order; no chunk is empty. */
  #chunks: string[][] = []

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: Value): void {
    const known = this.#values.has(key)
    this.#values.set(key, value)
    if (!known) this.#insert(key)
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false
    const index = this.#chunkOf(key)
    const chunk = this.#chunks[index]!
    chunk.splice(lowerBound(chunk, key), 1)
    if (chunk.length === 0) this.#chunks.splice(index, 1)
    return true
  }

  clear(): void {
    this.#values.clear()
    this.#chunks = []
  }

  /** Calls `visit` for every entry whose key starts with `prefix` and is at least `from`, in order, until it answers false. */
  visit(prefix: string, from: string, visit: (value: Value, key: string) => boolean | void): void {
    const start = from > prefix ? from : prefix
    let index = this.#chunkOf(start)
    for (let offset = this.#offset(index, start); index < this.#chunks.length; index++, offset = 0) {
      const chunk = this.#chunks[index]!
      for (; offset < chunk.length; offset++) {
        const key = chunk[offset]!
        if (!key.startsWith(prefix) || visit(this.#values.get(key)!, key) === false) return
      }
    }
  }

  /** How many keys start with `prefix` and are at least `from`. */
  count(prefix: string, from: string): number {
    const start = from > prefix ? from : prefix
    let index = this.#chunkOf(start)
    let count = 0 - this.#offset(index, start)
    for (; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      if (!chunk.at(-1)!.startsWith(prefix)) return Math.max(0, count + prefixEnd(chunk, prefix))
      count += chunk.length
    }
    return count
  }

  values(): MapIterator<Value> {
    return this.#values.values()
  }

  #insert(key: string): void {
    const index = this.#chunkOf(key)
    const chunk = this.#chunks[index] ?? this.#chunks.at(-1)
    if (!chunk) {
      this.#chunks.push([key])
      return
    }
    chunk.splice(lowerBound(chunk, key), 0, key)
    if (chunk.length <= maxChunkLength) return
    // Ascending insertion is the usual case (names with counters, loading): leave the first part full.
    const at = chunk.at(-1) === key ? maxChunkLength : maxChunkLength / 2
    this.#chunks.splice(this.#chunks.indexOf(chunk) + 1, 0, chunk.splice(at))
  }

  /** The first chunk whose last key is at least `key`; the number of chunks when there is none. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.at(-1)! < key) low = middle + 1
      else high = middle
    }
    return low
  }

  #offset(index: number, key: string): number {
    const chunk = this.#chunks[index]
    return chunk ? lowerBound(chunk, key) : 0
  }
}

/** The index of the first key that is at least `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The index behind the last key with `prefix`, among keys of which none before the first with it is at least `prefix`. */
function prefixEnd(keys: readonly string[], prefix: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const key = keys[middle]!
    if (key < prefix || key.startsWith(prefix)) low = middle + 1
    else high = middle
  }
  return low
}
