/**
 * What happens while pods are being tried: whoever comes back refused must hear of it, for what would have helped may not
 * happen again.
 */
export class InFlight<Item, Happening> {
  /** By item, how many happenings there had been when it left; in that order. */
  readonly #since = new Map<Item, number>()
  #happenings: Happening[] = []
  /** How many have been forgotten. */
  #forgotten = 0

  get size(): number {
    return this.#since.size
  }

  has(item: Item): boolean {
    return this.#since.has(item)
  }

  add(item: Item): void {
    this.#since.set(item, this.#forgotten + this.#happenings.length)
  }

  happen(happening: Happening): void {
    if (this.#since.size > 0) this.#happenings.push(happening)
  }

  /** Ends the item's flight; what happened meanwhile. */
  delete(item: Item): readonly Happening[] {
    const since = this.#since.get(item)
    if (since === undefined) return []
    this.#since.delete(item)
    const missed = this.#happenings.slice(since - this.#forgotten)
    this.#forget()
    return missed
  }

  /** Forgets what every item in flight has left after. */
  #forget(): void {
    if (this.#happenings.length === 0) return
    const [oldest] = this.#since.values()
    const unneeded = (oldest ?? Infinity) - this.#forgotten
    // Now and then, so that it costs little however many are in flight.
    if (unneeded < this.#happenings.length / 2) return
    const count = Math.min(unneeded, this.#happenings.length)
    this.#happenings = this.#happenings.slice(count)
    this.#forgotten += count
  }
}
