import assert from 'node:assert/strict'
import { bytes, text } from '../store-fixture.ts'
import { createAll, keysOf, refusal, type Criterion } from './criterion.ts'

export function listing(criterion: Criterion): void {
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
    for (const startKey of ['/a/9', '/b/1', '/z']) {
      assert.deepEqual(keysOf(await store.list('/a/', { startKey, limit: 2 })), [], startKey)
    }
    assert.equal((await store.list('/a/', { startKey: '/', limit: 1 })).remaining, 4)
  })

  criterion('pages of one revision are not disturbed by writes between them', async (store) => {
    await createAll(store, ['/a/1', '/a/3', '/a/5'])
    const first = await store.list('/a/', { limit: 1 })
    const three = await store.get('/a/3')
    await store.delete('/a/3', three!.revision)
    await createAll(store, ['/a/0', '/a/2', '/a/4'])
    const rest = await store.list('/a/', { startKey: '/a/1\0', revision: first.revision })
    assert.deepEqual(keysOf(rest), ['/a/3', '/a/5'])
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
