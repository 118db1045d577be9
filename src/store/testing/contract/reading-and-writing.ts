import assert from 'node:assert/strict'
import type { StoreError } from '../../store.ts'
import { bytes, text } from '../store-fixture.ts'
import { described, refusal, type Criterion } from './criterion.ts'

export function readingAndWriting(criterion: Criterion): void {
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
    await refusal(store.update('/a/2', bytes('three'), 0n), 'conflict')
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
    assert.equal((await refusal(store.delete('/a/2', 0n), 'conflict')).found, undefined)
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
