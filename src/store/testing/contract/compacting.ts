import assert from 'node:assert/strict'
import { StoreError } from '../../store.ts'
import { recordWatch } from '../recorded-watch.ts'
import { bytes, describeEvent } from '../store-fixture.ts'
import { described, keysOf, refusal, type Criterion } from './criterion.ts'

export function compacting(criterion: Criterion): void {
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
