/**
 * What comes and goes by the thousand a second, to be gone through now and then. A Set would do the same, but V8 gives it
 * a new table for every few changes, and each old one keeps what it held, and its successors, until all memory is looked
 * through: every collection of young garbage would have to copy most of it.
 */
export class Slots<T> {
  readonly #items: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Answers the slot by which to take the item out again. */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#items.length
    this.#items[slot] = item
    return slot
  }

  /** Once for each slot that `add` answered. */
  remove(slot: number): void {
    this.#items[slot] = undefined
    this.#free.push(slot)
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item
  }
}
