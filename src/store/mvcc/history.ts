import { keptLength } from '../large-value.ts'
import type { StoreEvent } from '../store.ts'
import { eventResult, eventRevision } from './event.ts'

/** The recent changes over all keys, oldest first: a queue that is also searched by revision. */
export class History {
  /** Dropped changes leave holes at the front, up to `#head`, until these are cut off. */
  #events: (StoreEvent | undefined)[] = []
  #head = 0
  #bytes = 0

  get length(): number {
    return this.#events.length - this.#head
  }

  /** Bytes held for the values that the changes wrote. */
  get bytes(): number {
    return this.#bytes
  }

  /** The change at `index`, 0 being the oldest held. */
  at(index: number): StoreEvent | undefined {
    return this.#events[this.#head + index]
  }

  push(event: StoreEvent): void {
    this.#events.push(event)
    this.#bytes += sizeOf(event)
  }

  /** The index of the first change with a revision greater than `revision`. */
  indexAfter(revision: bigint): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (eventRevision(this.#events[middle]!) <= revision) low = middle + 1
      else high = middle
    }
    return low - this.#head
  }

  /** Removes and returns the changes up to and including `revision`. */
  dropThrough(revision: bigint): readonly StoreEvent[] {
    const count = this.indexAfter(revision)
    const dropped = this.#events.slice(this.#head, this.#head + count) as StoreEvent[]
    for (const event of dropped) this.#bytes -= sizeOf(event)
    this.#head += count
    if (this.#head > this.#events.length >> 1) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    } else {
      this.#events.fill(undefined, this.#head - count, this.#head)
    }
    return dropped
  }
}

function sizeOf(event: StoreEvent): number {
  const entry = eventResult(event)
  return entry ? keptLength(entry) : 0
}
