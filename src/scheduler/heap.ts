/** A binary heap that also removes from the middle: the least of its items comes out first. Items are unique. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #positions = new Map<Item, number>()
  readonly #isLess: (a: Item, b: Item) => boolean

  constructor(isLess: (a: Item, b: Item) => boolean) {
    this.#isLess = isLess
  }

  get size(): number {
    return this.#items.length
  }

  has(item: Item): boolean {
    return this.#positions.has(item)
  }

  peek(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    this.#place(item, this.#items.length)
    this.#rise(this.#items.length - 1)
  }

  pop(): Item | undefined {
    const least = this.#items[0]
    if (least !== undefined) this.delete(least)
    return least
  }

  delete(item: Item): boolean {
    const position = this.#positions.get(item)
    if (position === undefined) return false
    this.#positions.delete(item)
    const last = this.#items.pop()!
    if (last !== item) {
      this.#place(last, position)
      this.#rise(position)
      this.#sink(this.#positions.get(last)!)
    }
    return true
  }

  #place(item: Item, position: number): void {
    this.#items[position] = item
    this.#positions.set(item, position)
  }

  #rise(start: number): void {
    let position = start
    const item = this.#items[position]!
    while (position > 0) {
      const parent = (position - 1) >> 1
      if (!this.#isLess(item, this.#items[parent]!)) break
      this.#place(this.#items[parent]!, position)
      position = parent
    }
    this.#place(item, position)
  }

  #sink(start: number): void {
    let position = start
    const item = this.#items[position]!
    for (;;) {
      let child = position * 2 + 1
      if (child >= this.#items.length) break
      if (child + 1 < this.#items.length && this.#isLess(this.#items[child + 1]!, this.#items[child]!))
        child++
      if (!this.#isLess(this.#items[child]!, item)) break
      this.#place(this.#items[child]!, position)
      position = child
    }
    this.#place(item, position)
  }
}
