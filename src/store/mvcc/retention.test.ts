import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../memory/memory-store.ts'
import type { HistoryLimits } from './retention.ts'

const generous: HistoryLimits = { ageMs: 1_000_000, events: 1000, bytes: 1_000_000 }

function open(limits: Partial<HistoryLimits>) {
  const clock = fakeClock()
  return {
    clock,
    store: new MemoryStore({ clock, log: silentLogger, historyLimits: { ...generous, ...limits } }),
  }
}

/** How many of the last `count` revisions can still be read. */
async function readable(store: MemoryStore, count: number): Promise<number> {
  const last = await store.currentRevision()
  const lists = Array.from({ length: count }, (_, index) =>
    store.list('', { revision: last - BigInt(index) }),
  )
  const results = await Promise.allSettled(lists)
  return results.filter(({ status }) => status === 'fulfilled').length
}

test('Retention keeps changes for the age, and a tenth longer at most', async () => {
  const { clock, store } = open({ ageMs: 300_000 })
  const revisions: bigint[] = []
  for (let minute = 0; minute < 20; minute++) {
    const { revision } = await store.create(`/a/${minute}`, new Uint8Array(1))
    revisions.push(revision)
    await clock.advance(60_000)
    for (const [born, past] of revisions.entries()) {
      const ageMs = (minute + 1 - born) * 60_000
      const list = store.list('', { revision: past })
      if (ageMs <= 300_000) await list
      else if (ageMs > 390_000) await assert.rejects(list, { reason: 'compacted' })
      else await list.catch(() => {})
    }
  }
  await store.close()
  assert.equal(clock.pending, 0)
})

test('Retention bounds the number of changes', async () => {
  const { store } = open({ events: 100 })
  for (let index = 0; index < 500; index++) await store.create(`/a/${index}`, new Uint8Array(1))
  const kept = await readable(store, 200)
  assert.ok(kept >= 90 && kept <= 101, `${kept} are kept`)
})

test('Retention bounds the bytes of the changes', async () => {
  const { store } = open({ bytes: 100_000 })
  for (let index = 0; index < 100; index++) await store.create(`/a/${index}`, new Uint8Array(5000))
  const kept = await readable(store, 50)
  assert.ok(kept >= 18 && kept <= 21, `${kept} are kept`)
})
