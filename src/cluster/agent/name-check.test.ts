import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { startNameCheck } from './name-check.ts'

describe('startNameCheck', () => {
  it('is ready once a name resolves, and ill until then', async () => {
    const clock = fakeClock()
    let refusals = 3
    const check = startNameCheck({
      clock,
      lookUp: () =>
        refusals-- > 0 ? Promise.reject(new Error('queryA ECONNREFUSED')) : Promise.resolve(['10.96.0.1']),
    })
    let ready = false
    void check.ready.then(() => (ready = true))
    await clock.advance(40)
    assert.deepEqual([ready, check.health()], [false, 'cluster DNS does not answer: queryA ECONNREFUSED'])
    await clock.advance(20)
    assert.deepEqual([ready, check.health(), clock.pending], [true, undefined, 0])
    await check.stop()
  })

  it('stops while nothing answers', async () => {
    const clock = fakeClock()
    const check = startNameCheck({ clock, lookUp: () => Promise.reject(new Error('queryA ETIMEOUT')) })
    await clock.advance(100)
    await check.stop()
    assert.equal(clock.pending, 0)
  })
})
