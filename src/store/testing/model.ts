import assert from 'node:assert/strict'
import type { Entry, StoreEvent } from '../store.ts'
import { eventKey, eventResult, eventRevision } from '../mvcc/event.ts'
import { text } from './store-fixture.ts'

/** What a store must contain: the state after each change, kept whole. */
export class Model {
  /** The changes in the order of their revisions. */
  readonly events: readonly StoreEvent[]
  readonly #states: ReadonlyMap<string, Entry>[] = [new Map()]

  constructor(events: Iterable<StoreEvent>) {
    this.events = [...events].sort((a, b) => (eventRevision(a) < eventRevision(b) ? -1 : 1))
    for (const event of this.events) {
      const state = new Map(this.#states.at(-1))
      const result = eventResult(event)
      if (result) state.set(result.key, result)
      else state.delete(eventKey(event))
      this.#states.push(state)
    }
  }

  /** The entries right after `revision`. */
  at(revision: bigint): ReadonlyMap<string, Entry> {
    const count = this.events.findIndex((event) => eventRevision(event) > revision)
    return this.#states.at(count < 0 ? -1 : count)!
  }

  /** The entries under a prefix right after `revision`, in the order of the keys' bytes. */
  list(prefix: string, revision: bigint): readonly Entry[] {
    return [...this.at(revision).values()]
      .filter((entry) => entry.key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  }

  /** The changes under a prefix with a revision greater than `after`. */
  since(prefix: string, after: bigint): readonly StoreEvent[] {
    return this.events.filter((event) => eventRevision(event) > after && eventKey(event).startsWith(prefix))
  }
}

/** An entry in a form that two stores' entries can be compared in. */
export function comparable(entry: Entry | undefined): unknown {
  return entry && { ...entry, value: text(entry.value) }
}

export function assertSameEntries(
  actual: readonly Entry[],
  expected: readonly Entry[],
  message: string,
): void {
  assert.deepEqual(actual.map(comparable), expected.map(comparable), message)
}

export function comparableEvent(event: StoreEvent): unknown {
  return event.type === 'put'
    ? { type: 'put', entry: comparable(event.entry), previous: comparable(event.previous) }
    : { type: 'delete', key: event.key, revision: event.revision, previous: comparable(event.previous) }
}
