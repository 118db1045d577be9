import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../memory/memory-store.ts'
import type { Entry, Range, StoreWatch, WatchHandlers } from '../store.ts'
import { checkRandomHistory } from './random-history.ts'

const faults: Readonly<
  Record<string, (options: ConstructorParameters<typeof MemoryStore>[0]) => MemoryStore>
> = {
  'a watch that loses an event': (options) =>
    new (class extends MemoryStore {
      override watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
        let count = 0
        return super.watch(prefix, after, {
          ...handlers,
          onEvents: (events) => handlers.onEvents(events.filter(() => ++count !== 3)),
        })
      }
    })(options),
  'a watch that repeats an event': (options) =>
    new (class extends MemoryStore {
      override watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
        return super.watch(prefix, after - 1n, handlers)
      }
    })(options),
  'an update that ignores the revision': (options) =>
    new (class extends MemoryStore {
      override async update(key: string, value: Uint8Array, revision: bigint): Promise<Entry> {
        return super.update(key, value, (await this.get(key))?.revision ?? revision)
      }
    })(options),
  'a list that is behind': (options) =>
    new (class extends MemoryStore {
      override async list(prefix: string, listOptions = {}): Promise<Range> {
        const range = await super.list(prefix, listOptions)
        return { ...range, entries: range.entries.slice(0, 5) }
      }
    })(options),
  'a get of what is gone': (options) =>
    new (class extends MemoryStore {
      readonly #old = new Map<string, Entry | undefined>()
      override async get(key: string): Promise<Entry | undefined> {
        if (!this.#old.has(key)) this.#old.set(key, await super.get(key))
        return this.#old.get(key)
      }
    })(options),
}

for (const [name, faulty] of Object.entries(faults)) {
  test(`checkRandomHistory finds ${name}`, async () => {
    const store = faulty({ clock: fakeClock(), log: silentLogger })
    const random = seededRandom(4)
    const check = checkRandomHistory(store, {
      random,
      clients: 6,
      operationsPerClient: 60,
      prefix: '/registry/',
    })
    await assert.rejects(check, assert.AssertionError)
    await store.close()
  })
}
