import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { type FakeClock, fakeClock } from '../../machinery/testing/fake-clock.ts'
import { defaultHistoryLimits, type HistoryLimits } from '../mvcc/retention.ts'
import { StoreError } from '../store.ts'
import { recordWatch } from '../testing/recorded-watch.ts'
import { storeContract } from '../testing/store-contract.ts'
import { bytes, describeEvent, noise, text } from '../testing/store-fixture.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { EmbeddedStore } from './embedded-store.ts'

storeContract('EmbeddedStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-store-'))
  const clock = fakeClock()
  const store = await EmbeddedStore.open({ directory, clock, log: silentLogger })
  return {
    store,
    passTime: (milliseconds) => clock.advance(milliseconds),
    async dispose() {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
})

function open(
  directory: string,
  clock: FakeClock = fakeClock(),
  historyLimits?: HistoryLimits,
): Promise<EmbeddedStore> {
  return EmbeddedStore.open({ directory, clock, log: silentLogger, ...(historyLimits && { historyLimits }) })
}

test('EmbeddedStore reopened has the same entries, and goes on above every earlier revision', async () => {
  await using directory = await temporaryDirectory()
  let store = await open(directory.path)
  const one = await store.create('/a/1', bytes('one'))
  const two = await store.create('/a/2', new Uint8Array(100_000).fill(65))
  const changed = await store.update('/a/1', bytes('ONE'), one.revision)
  const deletedAt = await store.delete('/a/2', two.revision)
  await store.close()

  store = await open(directory.path)
  assert.equal(await store.currentRevision(), deletedAt)
  const { entries } = await store.list('')
  assert.deepEqual(
    entries.map((entry) => ({ ...entry, value: text(entry.value) })),
    [{ ...changed, value: 'ONE' }],
  )
  const past = await store.list('', { revision: two.revision })
  assert.deepEqual(
    past.entries.map(({ key, value }) => [key, value.length]),
    [
      ['/a/1', 3],
      ['/a/2', 100_000],
    ],
  )
  const three = await store.create('/a/2', bytes('three'))
  assert.equal(three.revision, deletedAt + 1n)
  await store.close()
})

test('EmbeddedStore reopened resumes watches from before, unless compacted', async () => {
  await using directory = await temporaryDirectory()
  let store = await open(directory.path)
  const one = await store.create('/a/1', bytes('one'))
  const two = await store.update('/a/1', bytes('two'), one.revision)
  const deletedAt = await store.delete('/a/1', two.revision)
  await store.compact(two.revision)
  await store.close()

  store = await open(directory.path)
  const resumed = recordWatch(store, '/a/', two.revision)
  await store.create('/a/2', bytes('three'))
  await resumed.until(() => resumed.events.length === 2)
  assert.deepEqual(resumed.events.map(describeEvent), ['delete /a/1 of two', 'create /a/2 as three'])
  const early = await recordWatch(store, '/a/', one.revision).ended
  assert.ok(early instanceof StoreError && early.reason === 'compacted')
  await store.compact(deletedAt)
  await store.close()

  store = await open(directory.path)
  assert.equal(await store.currentRevision(), deletedAt + 1n)
  await store.close()
})

test('EmbeddedStore reopened after everything was deleted and compacted goes on above', async () => {
  await using directory = await temporaryDirectory()
  let store = await open(directory.path)
  const one = await store.create('/a/1', bytes('one'))
  const deletedAt = await store.delete('/a/1', one.revision)
  await store.compact(deletedAt)
  await store.close()

  store = await open(directory.path)
  assert.equal(await store.currentRevision(), deletedAt)
  assert.equal((await store.create('/a/1', bytes('two'))).revision, deletedAt + 1n)
  await store.close()
})

test('EmbeddedStore expires entries whose time ran out while it was closed', async () => {
  await using directory = await temporaryDirectory()
  const clock = fakeClock()
  let store = await open(directory.path, clock)
  await store.create('/events/1', bytes('one'), { ttlSeconds: 60 })
  await store.create('/events/2', bytes('two'), { ttlSeconds: 600 })
  await store.close()
  await clock.advance(120_000)

  store = await open(directory.path, clock)
  const watch = recordWatch(store, '', await store.currentRevision())
  await clock.advance(1000)
  await watch.until(() => watch.events.length === 1)
  assert.deepEqual(watch.events.map(describeEvent), ['delete /events/1 of one'])
  await clock.advance(480_000)
  await watch.until(() => watch.events.length === 2)
  await store.close()
})

test('EmbeddedStore shows a write only once it is durable', async () => {
  await using directory = await temporaryDirectory()
  const store = await open(directory.path)
  const watch = recordWatch(store, '', await store.currentRevision())
  const settled: string[] = []
  const creating = store.create('/a/1', bytes('one')).finally(() => settled.push('accepted'))
  const refused = store.create('/a/1', bytes('two')).catch((error: unknown) => {
    settled.push('refused')
    return error
  })
  assert.equal(await store.get('/a/1'), undefined)
  assert.equal(watch.events.length, 0)
  const one = await creating
  const error = await refused
  assert.ok(error instanceof StoreError && error.found?.revision === one.revision)
  assert.deepEqual(settled, ['accepted', 'refused'])
  assert.equal((await store.get('/a/1'))?.revision, one.revision)
  await store.close()
})

test('EmbeddedStore lets concurrent writers share a commit', async () => {
  await using directory = await temporaryDirectory()
  const store = await open(directory.path)
  const watch = recordWatch(store, '', await store.currentRevision())
  const keys = Array.from({ length: 64 }, (_, index) => `/a/${index}`)
  await Promise.all(keys.map((key) => store.create(key, bytes(key))))
  await watch.until(() => watch.events.length === 64)
  assert.equal(watch.calls.length, 1)
  await store.close()
})

test('EmbeddedStore close finishes the writes that were begun', async () => {
  await using directory = await temporaryDirectory()
  let store = await open(directory.path)
  const first = store.create('/a/0', bytes('0'))
  await Promise.resolve()
  const others = [1, 2, 3].map((index) => store.create(`/a/${index}`, bytes('more')))
  await store.close()
  await Promise.all([first, ...others])
  store = await open(directory.path)
  assert.equal((await store.list('')).entries.length, 4)
  await store.close()
})

test('EmbeddedStore compacts by itself after a while, and then holds no timer', async () => {
  await using directory = await temporaryDirectory()
  const clock = fakeClock()
  const store = await open(directory.path, clock)
  assert.equal(clock.pending, 0)
  const one = await store.create('/a/1', bytes('one'))
  const two = await store.update('/a/1', bytes('two'), one.revision)
  await clock.advance(defaultHistoryLimits.ageMs - 1000)
  assert.equal((await store.list('', { revision: one.revision })).entries.length, 1)
  await clock.advance(defaultHistoryLimits.ageMs)
  await assert.rejects(store.list('', { revision: one.revision }), { reason: 'compacted' })
  assert.equal((await store.get('/a/1'))?.revision, two.revision)
  assert.equal(clock.pending, 0)
  await store.close()
})

test('EmbeddedStore bounds its files under churn, and keeps what they hold', async () => {
  await using directory = await temporaryDirectory()
  const limits = { ...defaultHistoryLimits, events: 200 }
  let store = await open(directory.path, fakeClock(), limits)
  const value = new Uint8Array(10_000)
  const keys = Array.from({ length: 50 }, (_, index) => `/a/${index}`)
  const revisions = await Promise.all(keys.map(async (key) => (await store.create(key, value)).revision))
  const sizes: number[] = []
  for (let round = 0; round < 60; round++) {
    const updates = keys.map((key, index) => store.update(key, value, revisions[index]!))
    for (const [index, update] of updates.entries()) revisions[index] = (await update).revision
    if (round % 20 === 19) sizes.push(await sizeOf(directory.path))
  }
  await store.close()
  assert.ok(sizes.at(-1)! < 12_000_000, `30 MB were written, the files have ${sizes.join(', ')} bytes`)
  assert.ok((await readdir(directory.path)).some((name) => name.endsWith('.state')))

  store = await open(directory.path, fakeClock(), limits)
  const { entries, revision } = await store.list('/a/')
  assert.deepEqual(new Set(entries.map((entry) => entry.revision)), new Set(revisions))
  assert.equal(
    revision,
    revisions.reduce((latest, one) => (one > latest ? one : latest)),
  )
  await store.close()
})

test('EmbeddedStore keeps the time to live of entries whose changes it has replaced', async () => {
  await using directory = await temporaryDirectory()
  const clock = fakeClock()
  let store = await open(directory.path, clock)
  await store.create('/events/1', bytes('one'), { ttlSeconds: 600 })
  for (let round = 0; round < 8; round++) {
    const { revision } = await store.create('/a/large', bytes(noise(1_000_000, 1)))
    await store.compact(await store.delete('/a/large', revision))
  }
  await store.close()
  assert.ok((await readdir(directory.path)).some((name) => name.endsWith('.state')))
  await clock.advance(300_000)

  store = await open(directory.path, clock)
  assert.equal(text((await store.get('/events/1'))?.value), 'one')
  const watch = recordWatch(store, '', await store.currentRevision())
  await clock.advance(302_000)
  await watch.until(() => watch.events.length === 1)
  assert.deepEqual(watch.events.map(describeEvent), ['delete /events/1 of one'])
  await store.close()
})

async function sizeOf(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
