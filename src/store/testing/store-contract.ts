import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '../../machinery/random.ts'
import type { Store } from '../store.ts'
import { StoreError, type StoreErrorReason } from '../store.ts'
import { checkRandomHistory } from './random-history.ts'
import { recordWatch } from './recorded-watch.ts'
import { bytes, describeEvent, type StoreFixture, text } from './store-fixture.ts'

export interface StoreContractOptions {
  /** Why the suite cannot run here. */
  readonly skip?: string | undefined
  /** How many operations each client of a random history makes. */
  readonly operationsPerClient?: number
}

/** What every Store must do, as tests on stores that `open` makes; each is given an empty one. */
export function storeContract(
  name: string,
  open: () => Promise<StoreFixture>,
  { skip, operationsPerClient = 60 }: StoreContractOptions = {},
): void {
  function criterion(title: string, run: (store: Store, fixture: StoreFixture) => Promise<void>): void {
    test(title, { skip }, async () => {
      const fixture = await open()
      try {
        await run(fixture.store, fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }

  describe(`${name} keeps the contract of Store`, () => {
    describe('reading and writing', () => readingAndWriting(criterion))
    describe('listing', () => listing(criterion))
    describe('watching', () => watching(criterion))
    describe('compacting', () => compacting(criterion))
    describe('expiring', () => expiring(criterion))
    describe('closing', () => closing(criterion))
    describe('random histories of concurrent clients', () => {
      for (const seed of [1, 2, 3]) {
        criterion(`agree with the model, seed ${seed}`, async (store) => {
          const random = seededRandom(seed)
          await checkRandomHistory(store, { random, clients: 6, operationsPerClient, prefix: '/registry/' })
        })
      }
    })
  })
}

type Criterion = (title: string, run: (store: Store, fixture: StoreFixture) => Promise<void>) => void

function readingAndWriting(criterion: Criterion): void {
  criterion('get finds nothing where nothing is', async (store) => {
    assert.equal(await store.get('/a/1'), undefined)
  })

  criterion('create returns the entry that get then finds', async (store) => {
    const created = await store.create('/a/1', bytes('one'))
    assert.equal(created.key, '/a/1')
    assert.equal(text(created.value), 'one')
    assert.equal(created.createRevision, created.revision)
    assert.deepEqual(described(await store.get('/a/1')), described(created))
  })

  criterion('create refuses where something is, and says what', async (store) => {
    const first = await store.create('/a/1', bytes('one'))
    const error = await refusal(store.create('/a/1', bytes('two')), 'conflict')
    assert.deepEqual(described(error.found), described(first))
  })

  criterion('update replaces the revision it names, and keeps the create revision', async (store) => {
    const created = await store.create('/a/1', bytes('one'))
    const updated = await store.update('/a/1', bytes('two'), created.revision)
    assert.ok(updated.revision > created.revision)
    assert.equal(updated.createRevision, created.revision)
    assert.deepEqual(described(await store.get('/a/1')), described(updated))
  })

  criterion('update refuses another revision, and says what it found', async (store) => {
    const created = await store.create('/a/1', bytes('one'))
    const updated = await store.update('/a/1', bytes('two'), created.revision)
    const stale = await refusal(store.update('/a/1', bytes('three'), created.revision), 'conflict')
    assert.deepEqual(described(stale.found), described(updated))
    const missing = await refusal(store.update('/a/2', bytes('three'), created.revision), 'conflict')
    assert.equal(missing.found, undefined)
  })

  criterion('delete removes the revision it names, at a revision of its own', async (store) => {
    const created = await store.create('/a/1', bytes('one'))
    const deletedAt = await store.delete('/a/1', created.revision)
    assert.ok(deletedAt > created.revision)
    assert.equal(await store.get('/a/1'), undefined)
    const again = await store.create('/a/1', bytes('two'))
    assert.ok(again.revision > deletedAt)
    assert.equal(again.createRevision, again.revision)
  })

  criterion('delete refuses another revision, and what is not there', async (store) => {
    const created = await store.create('/a/1', bytes('one'))
    const updated = await store.update('/a/1', bytes('two'), created.revision)
    const stale = await refusal(store.delete('/a/1', created.revision), 'conflict')
    assert.deepEqual(described(stale.found), described(updated))
    assert.equal((await refusal(store.delete('/a/2', 1n), 'conflict')).found, undefined)
  })

  criterion('values are any bytes, also none and many', async (store) => {
    const values = [
      new Uint8Array(),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      new Uint8Array(1_200_000).fill(7),
    ]
    for (const [index, value] of values.entries()) {
      await store.create(`/values/${index}`, value)
      const found = (await store.get(`/values/${index}`))!.value
      assert.ok(Buffer.from(found).equals(value), `${value.length} bytes`)
    }
  })

  criterion('values beyond the limit are refused as too large', async (store) => {
    await refusal(store.create('/a/1', new Uint8Array(2_000_000)), 'tooLarge')
    assert.equal(await store.get('/a/1'), undefined)
  })

  criterion('of writers that race for one revision exactly one wins', async (store) => {
    let current = await store.create('/counter', bytes('0'))
    for (let round = 1; round <= 5; round++) {
      const racers = Array.from({ length: 8 }, () =>
        store.update('/counter', bytes(String(round)), current.revision),
      )
      const results = await Promise.allSettled(racers)
      const winners = results.filter((result) => result.status === 'fulfilled')
      assert.equal(winners.length, 1)
      current = winners[0]!.value
      for (const result of results) {
        if (result.status === 'rejected')
          assert.equal((result.reason as StoreError).found?.revision, current.revision)
      }
    }
  })

  criterion('currentRevision is at or above every acknowledged write', async (store) => {
    assert.ok((await store.currentRevision()) > 0n)
    const { revision } = await store.create('/a/1', bytes('one'))
    assert.ok((await store.currentRevision()) >= revision)
  })
}

function listing(criterion: Criterion): void {
  criterion('list returns what is under the prefix, in the order of the bytes of the keys', async (store) => {
    const keys = ['/a/b', '/a/B', '/a/ä', '/a/\u{1f600}', '/a/\uffe5', '/a/b/c', '/a/b-c', '/a/']
    for (const key of [...keys, '/a', '/b/1', '/aa']) await store.create(key, bytes(key))
    const { entries, remaining } = await store.list('/a/')
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(
      entries.map((entry) => entry.key),
      sorted,
    )
    assert.deepEqual(
      entries.map((entry) => text(entry.value)),
      sorted,
    )
    assert.equal(remaining, 0)
  })

  criterion('list of nothing has a revision to watch from', async (store) => {
    const { entries, revision, remaining } = await store.list('/none/')
    assert.deepEqual([entries, remaining], [[], 0])
    assert.equal(revision, await store.currentRevision())
  })

  criterion('list pages by limit and start key, and counts what remains', async (store) => {
    await createAll(store, ['/a/1', '/a/2', '/a/3', '/a/4', '/a/5', '/b/1'])
    const first = await store.list('/a/', { limit: 2 })
    assert.deepEqual(keysOf(first), ['/a/1', '/a/2'])
    assert.equal(first.remaining, 3)
    const second = await store.list('/a/', { limit: 2, startKey: '/a/2\0', revision: first.revision })
    assert.deepEqual(keysOf(second), ['/a/3', '/a/4'])
    assert.equal(second.remaining, 1)
    const last = await store.list('/a/', { limit: 2, startKey: '/a/5', revision: first.revision })
    assert.deepEqual(keysOf(last), ['/a/5'])
    assert.equal(last.remaining, 0)
    assert.deepEqual(keysOf(await store.list('/a/', { startKey: '/a/9' })), [])
  })

  criterion('list at a past revision shows the state right after it', async (store) => {
    const one = await store.create('/a/1', bytes('one'))
    const two = await store.create('/a/2', bytes('two'))
    const changed = await store.update('/a/1', bytes('ONE'), one.revision)
    const deletedAt = await store.delete('/a/2', two.revision)
    const three = await store.create('/a/2', bytes('three'))
    const expected: [bigint, string[]][] = [
      [one.revision, ['one']],
      [two.revision, ['one', 'two']],
      [changed.revision, ['ONE', 'two']],
      [deletedAt, ['ONE']],
      [three.revision, ['ONE', 'three']],
    ]
    for (const [revision, values] of expected) {
      const range = await store.list('/a/', { revision })
      assert.equal(range.revision, revision)
      assert.deepEqual(
        range.entries.map((entry) => text(entry.value)),
        values,
      )
    }
  })

  criterion('list at a revision that is not reached refuses', async (store) => {
    const { revision } = await store.create('/a/1', bytes('one'))
    await refusal(store.list('/a/', { revision: revision + 1000n }), 'future')
  })
}

function watching(criterion: Criterion): void {
  criterion('watch delivers every later change under its prefix, in order', async (store) => {
    const before = await store.create('/a/0', bytes('zero'))
    const watch = recordWatch(store, '/a/', before.revision)
    const one = await store.create('/a/1', bytes('one'))
    await store.create('/b/1', bytes('elsewhere'))
    await store.create('/aa', bytes('elsewhere'))
    const two = await store.update('/a/1', bytes('two'), one.revision)
    await store.delete('/a/1', two.revision)
    await watch.until(() => watch.events.length >= 3)
    assert.deepEqual(watch.events.map(describeEvent), [
      'create /a/1 as one',
      'update /a/1 to two of one',
      'delete /a/1 of two',
    ])
    const [created, , deleted] = watch.events
    assert.deepEqual(created?.type === 'put' && described(created.entry), described(one))
    assert.ok(deleted?.type === 'delete' && deleted.revision > two.revision)
    assert.deepEqual(described(deleted.previous), described(two))
  })

  criterion('watch from the past replays what happened since', async (store) => {
    const start = await store.currentRevision()
    const one = await store.create('/a/1', bytes('one'))
    await store.delete('/a/1', one.revision)
    await store.create('/a/1', bytes('two'))
    const all = recordWatch(store, '/a/', start)
    const some = recordWatch(store, '/a/', one.revision)
    await store.create('/a/2', bytes('three'))
    await all.until(() => all.events.length >= 4)
    await some.until(() => some.events.length >= 3)
    const expected = [
      'create /a/1 as one',
      'delete /a/1 of one',
      'create /a/1 as two',
      'create /a/2 as three',
    ]
    assert.deepEqual(all.events.map(describeEvent), expected)
    assert.deepEqual(some.events.map(describeEvent), expected.slice(1))
  })

  criterion('watch after a revision that is not reached waits for it', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start + 2n)
    for (const name of ['1', '2', '3', '4']) await store.create(`/a/${name}`, bytes(name))
    await watch.until(() => watch.events.length >= 2)
    assert.deepEqual(watch.events.map(describeEvent), ['create /a/3 as 3', 'create /a/4 as 4'])
  })

  criterion('watches of one key, a prefix, a longer one and everything each get their own', async (store) => {
    const start = await store.currentRevision()
    const prefixes = ['/a/1', '/a/', '/a/b/', '/', '/c/']
    const watches = prefixes.map((prefix) => recordWatch(store, prefix, start))
    await createAll(store, ['/a/1', '/a/b/1', '/d/1'])
    const expected = [['/a/1'], ['/a/1', '/a/b/1'], ['/a/b/1'], ['/a/1', '/a/b/1', '/d/1'], []]
    for (const [index, watch] of watches.entries()) {
      await watch.until(() => watch.events.length >= expected[index]!.length)
      assert.deepEqual(
        watch.events.map((event) => event.type === 'put' && event.entry.key),
        expected[index],
      )
    }
  })

  criterion('watch tells its progress when asked, after what came before', async (store) => {
    const start = await store.currentRevision()
    const quiet = recordWatch(store, '/quiet/', start)
    const busy = recordWatch(store, '/busy/', start)
    const last = await createAll(store, ['/busy/1', '/busy/2', '/busy/3'])
    await quiet.reaches(last.revision)
    await busy.reaches(last.revision)
    assert.equal(quiet.events.length, 0)
    assert.equal(busy.events.length, 3)
  })

  criterion('close ends a watch once, without error and without further events', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start)
    const other = recordWatch(store, '/a/', start)
    await store.create('/a/1', bytes('one'))
    await watch.until(() => watch.events.length === 1)
    watch.close()
    watch.close()
    assert.equal(await watch.ended, undefined)
    await store.create('/a/2', bytes('two'))
    await other.until(() => other.events.length === 2)
    assert.equal(watch.events.length, 1)
    assert.equal(watch.ends, 1)
  })

  criterion('a watch whose handler fails ends with the failure and disturbs no other', async (store) => {
    const start = await store.currentRevision()
    const failure = new Error('cannot handle this')
    const ended = Promise.withResolvers<Error | undefined>()
    store.watch('/a/', start, {
      onEvents() {
        throw failure
      },
      onEnd: ended.resolve,
    })
    const other = recordWatch(store, '/a/', start)
    await store.create('/a/1', bytes('one'))
    assert.equal(await ended.promise, failure)
    await store.create('/a/2', bytes('two'))
    await other.until(() => other.events.length === 2)
  })

  criterion('writing from a handler keeps the order of events', async (store) => {
    const start = await store.currentRevision()
    const answers: Promise<unknown>[] = []
    store.watch('/ask/', start, {
      onEvents: (events) => answers.push(...events.map(() => store.create('/answer/1', bytes('yes')))),
      onEnd() {},
    })
    const watch = recordWatch(store, '/', start)
    await store.create('/ask/1', bytes('well?'))
    await watch.until(() => watch.events.length === 2)
    await Promise.all(answers)
    assert.deepEqual(watch.events.map(describeEvent), ['create /ask/1 as well?', 'create /answer/1 as yes'])
  })
}

function compacting(criterion: Criterion): void {
  criterion('compact forgets the past and keeps the present', async (store) => {
    const one = await store.create('/a/1', bytes('one'))
    const two = await store.update('/a/1', bytes('two'), one.revision)
    const gone = await store.create('/a/2', bytes('gone'))
    const deletedAt = await store.delete('/a/2', gone.revision)
    await store.compact(deletedAt)
    await refusal(store.list('/a/', { revision: two.revision }), 'compacted')
    assert.deepEqual(keysOf(await store.list('/a/', { revision: deletedAt })), ['/a/1'])
    assert.deepEqual(described(await store.get('/a/1')), described(two))
    const three = await store.update('/a/1', bytes('three'), two.revision)
    assert.ok(three.revision > deletedAt)
  })

  criterion(
    'a watch from before a compaction ends as compacted, one from after it resumes',
    async (store) => {
      const one = await store.create('/a/1', bytes('one'))
      const two = await store.update('/a/1', bytes('two'), one.revision)
      await store.compact(two.revision)
      await store.create('/a/2', bytes('three'))
      const early = recordWatch(store, '/a/', one.revision)
      const error = await early.ended
      assert.ok(error instanceof StoreError && error.reason === 'compacted', String(error))
      assert.equal(early.events.length, 0)
      const late = recordWatch(store, '/a/', two.revision)
      await late.until(() => late.events.length === 1)
      assert.deepEqual(late.events.map(describeEvent), ['create /a/2 as three'])
    },
  )

  criterion('a watch that has caught up does not mind a compaction', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start)
    const one = await store.create('/a/1', bytes('one'))
    await watch.until(() => watch.events.length === 1)
    await store.compact(one.revision)
    await store.create('/a/2', bytes('two'))
    await watch.until(() => watch.events.length === 2)
    assert.equal(watch.ends, 0)
  })

  criterion('compact twice is compact once; beyond the present it refuses', async (store) => {
    const { revision } = await store.create('/a/1', bytes('one'))
    await store.compact(revision)
    await store.compact(revision)
    await refusal(store.compact(revision + 1000n), 'future')
  })
}

function expiring(criterion: Criterion): void {
  const ttlSeconds = 2

  criterion(
    'an entry with a time to live disappears as a deletion that watches see',
    async (store, { passTime }) => {
      const start = await store.currentRevision()
      const watch = recordWatch(store, '/events/', start)
      const short = await store.create('/events/1', bytes('short'), { ttlSeconds })
      await store.create('/events/2', bytes('long'), { ttlSeconds: 3600 })
      await store.create('/events/3', bytes('for ever'))
      await watch.until(() => watch.events.length === 3)
      await passTime(ttlSeconds * 1000 + 1000)
      await watch.until(() => watch.events.length === 4)
      assert.deepEqual(watch.events.map(describeEvent).at(-1), 'delete /events/1 of short')
      const deletion = watch.events.at(-1)
      assert.ok(deletion?.type === 'delete' && deletion.revision > short.revision)
      assert.deepEqual(keysOf(await store.list('/events/')), ['/events/2', '/events/3'])
    },
  )

  criterion('the last write to an entry says how long it lives', async (store, { passTime }) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/events/', start)
    const kept = await store.create('/events/1', bytes('short'), { ttlSeconds })
    await store.update('/events/1', bytes('for ever'), kept.revision)
    const shortened = await store.create('/events/2', bytes('for ever'))
    await store.update('/events/2', bytes('short'), shortened.revision, { ttlSeconds })
    await watch.until(() => watch.events.length === 4)
    await passTime(ttlSeconds * 1000 + 1000)
    await watch.until(() => watch.events.length === 5)
    assert.deepEqual(keysOf(await store.list('/events/')), ['/events/1'])
  })
}

function closing(criterion: Criterion): void {
  criterion('close ends watches and refuses what comes after', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start)
    await store.create('/a/1', bytes('one'))
    await store.close()
    assert.equal(await watch.ended, undefined)
    assert.equal(watch.ends, 1)
    await refusal(store.get('/a/1'), 'closed')
    await refusal(store.create('/a/2', bytes('two')), 'closed')
    await store.close()
  })
}

async function refusal(operation: Promise<unknown>, reason: StoreErrorReason): Promise<StoreError> {
  const error: unknown = await operation.then(
    () => undefined,
    (refused: unknown) => refused,
  )
  assert.ok(error instanceof StoreError, String(error))
  assert.equal(error.reason, reason, error.message)
  return error
}

function described(
  entry: { key: string; value: Uint8Array; revision: bigint; createRevision: bigint } | undefined,
) {
  return entry && { ...entry, value: text(entry.value) }
}

function keysOf({ entries }: { readonly entries: readonly { readonly key: string }[] }): string[] {
  return entries.map((entry) => entry.key)
}

async function createAll(store: Store, keys: readonly string[]) {
  let last
  for (const key of keys) last = await store.create(key, bytes(key))
  assert.ok(last)
  return last
}
