import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { collectAtRest } from './collect-at-rest.ts'

const megabyte = 1_000_000

test('collectAtRest collects once per rest, when it is worthwhile and soon done', async () => {
  const clock = fakeClock()
  let [workload, residentBytes, heapBytes, collections] = [0, 100 * megabyte, 60 * megabyte, 0]
  const stop = collectAtRest(clock, {
    workload: () => workload,
    usage: () => ({ residentBytes, heapBytes }),
    collect() {
      collections++
      residentBytes = 80 * megabyte
    },
  })
  const after = async (seconds: number, share: number, resident = residentBytes) => {
    ;[workload, residentBytes, collections] = [share, resident, 0]
    await clock.advance(seconds * 1000)
    return collections
  }
  assert.equal(await after(60, 0.5), 0, 'not at work')
  assert.equal(await after(9, 0.01), 0, 'a short rest')
  assert.equal(await after(1, 0.2), 0, 'a rest begins anew after work')
  assert.equal(await after(10, 0.01), 1)
  assert.equal(await after(60, 0.01), 0, 'nothing has come since')
  assert.equal(await after(20, 0.01, 87 * megabyte), 0, 'too little has come since')
  assert.equal(await after(20, 0.01, 90 * megabyte), 1, 'what comes slowly is given back as well')
  heapBytes = 400 * megabyte
  assert.equal(await after(60, 0.01, 500 * megabyte), 0, 'a large heap would take too long')
  stop()
  assert.equal(clock.pending, 0)
})
