import type { KubernetesObject } from '../../machinery/meta.ts'
import type { CacheEvent } from './cache-event.ts'

/** Events kept per resource at most; watches and pages of lists that need older ones start anew. */
const capacity = 10_000
/** This many events keep what is made of their bytes, for watchers that are a little behind. */
const unsettled = 256

/** The latest changes of one resource in order, from which watches catch up and past states are told. */
export class EventLog<T extends KubernetesObject = KubernetesObject> {
  /** A ring: the event with number n is at n modulo the capacity. */
  readonly #ring: CacheEvent<T>[] = []
  #next = 0
  #first = 0
  #floor: bigint

  /** `floor`: the revision of the state that the first event changes. */
  constructor(floor: bigint) {
    this.#floor = floor
  }

  /** The oldest revision whose following events are all held. */
  get floor(): bigint {
    return this.#floor
  }

  get capacity(): number {
    return capacity
  }

  get length(): number {
    return this.#next - this.#first
  }

  push(event: CacheEvent<T>): void {
    if (this.length === capacity) this.#floor = this.#at(this.#first++).revision
    this.#ring[this.#next++ % capacity] = event
    if (this.length > unsettled) this.#at(this.#next - 1 - unsettled).settle()
  }

  /** Forgets everything; the state is that of revision `floor`. */
  reset(floor: bigint): void {
    this.#ring.length = 0
    this.#first = 0
    this.#next = 0
    this.#floor = floor
  }

  /** Calls `visit` for the events after `revision`, oldest first. `revision` must not be below the floor. */
  after(revision: bigint, visit: (event: CacheEvent<T>) => void): void {
    for (let index = this.#firstAfter(revision); index < this.#next; index++) visit(this.#at(index))
  }

  /** Calls `visit` for the events after `revision`, newest first. */
  backTo(revision: bigint, visit: (event: CacheEvent<T>) => void): void {
    const end = this.#firstAfter(revision)
    for (let index = this.#next - 1; index >= end; index--) visit(this.#at(index))
  }

  #firstAfter(revision: bigint): number {
    let low = this.#first
    let high = this.#next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#at(middle).revision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #at(index: number): CacheEvent<T> {
    return this.#ring[index % capacity]!
  }
}
