import assert from 'node:assert/strict'
import { recordWatch } from '../recorded-watch.ts'
import { bytes, describeEvent } from '../store-fixture.ts'
import { keysOf, type Criterion } from './criterion.ts'

export function expiring(criterion: Criterion): void {
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
