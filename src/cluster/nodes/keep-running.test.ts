import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { keepRunning } from './keep-running.ts'

describe('keepRunning', () => {
  function kept(start: () => Promise<void>) {
    const clock = fakeClock()
    const failures: unknown[] = []
    const world = { runs: true }
    const letGo = keepRunning({
      clock,
      isRunning: () => world.runs,
      start,
      onFailure: (error) => failures.push(error),
    })
    return { clock, failures, world, letGo }
  }

  it('starts what has ended, and nothing else', async () => {
    let starts = 0
    const { clock, world, letGo } = kept(() => {
      starts += 1
      world.runs = true
      return Promise.resolve()
    })
    await clock.advance(5000)
    assert.equal(starts, 0)
    world.runs = false
    await clock.advance(1000)
    assert.equal(starts, 1)
    await clock.advance(5000)
    assert.equal(starts, 1)
    await letGo()
    assert.equal(clock.pending, 0)
  })

  it('tries again, later each time, what cannot be started', async () => {
    const at: number[] = []
    const { clock, failures, world, letGo } = kept(() => {
      at.push(clock.monotonic() / 1000)
      return Promise.reject(new Error('no'))
    })
    world.runs = false
    await clock.advance(80_000)
    assert.deepEqual(at, [1, 3, 7, 15, 31, 61])
    assert.equal(failures.length, at.length)
    await letGo()
  })

  it('lets go only when no attempt is under way', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { clock, world, letGo } = kept(() => promise)
    world.runs = false
    await clock.advance(1000)
    let gone = false
    const going = letGo().then(() => (gone = true))
    await clock.advance(0)
    assert.equal(gone, false)
    resolve()
    await going
    assert.equal(clock.pending, 0)
  })
})
