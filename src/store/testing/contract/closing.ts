import assert from 'node:assert/strict'
import { recordWatch } from '../recorded-watch.ts'
import { bytes } from '../store-fixture.ts'
import { refusal, type Criterion } from './criterion.ts'

export function closing(criterion: Criterion): void {
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
