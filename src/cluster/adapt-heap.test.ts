import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { adaptHeap } from './adapt-heap.ts'

test('adaptHeap favours speed while there is work, and size again after a rest', async () => {
  const clock = fakeClock()
  const told: boolean[] = []
  let workload = 0
  const stop = adaptHeap(clock, {
    workload: () => workload,
    favourSize: (isSmall) => void told.push(isSmall),
  })
  const after = async (seconds: number, share: number) => {
    workload = share
    await clock.advance(seconds * 1000)
    return told.splice(0)
  }
  assert.deepEqual(await after(60, 0.01), [])
  assert.deepEqual(await after(2, 0.9), [], 'two busy seconds are none')
  assert.deepEqual(await after(1, 0.1), [])
  assert.deepEqual(await after(5, 0.3), [false])
  assert.deepEqual(await after(29, 0), [])
  assert.deepEqual(await after(1, 0.1), [], 'a rest begins anew after work')
  assert.deepEqual(await after(29, 0), [])
  assert.deepEqual(await after(1, 0), [true])
  stop()
  assert.equal(clock.pending, 0)
})
