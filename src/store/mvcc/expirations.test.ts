import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { Expirations } from './expirations.ts'

test('Expirations tells of each entry once, not before its time and at most a second after', async () => {
  const clock = fakeClock()
  const told: [number, string[]][] = []
  const expirations = new Expirations(clock, (expired) => {
    told.push([clock.monotonic(), expired.map(({ key }) => key)])
  })
  expirations.add({ key: 'late', revision: 1n }, 5000)
  expirations.add({ key: 'soon', revision: 2n }, 1500)
  await clock.advance(100)
  expirations.add({ key: 'with soon', revision: 3n }, 1600)
  expirations.add({ key: 'at once', revision: 4n }, 0)
  await clock.advance(10_000)
  assert.deepEqual(told, [
    [1000, ['at once']],
    [2000, ['soon', 'with soon']],
    [5000, ['late']],
  ])
})

test('Expirations holds one timer, and none when nothing is to expire', async () => {
  const clock = fakeClock()
  const expirations = new Expirations(clock, () => {})
  assert.equal(clock.pending, 0)
  for (let seconds = 1; seconds <= 10; seconds++)
    expirations.add({ key: 'key', revision: 1n }, seconds * 1000)
  assert.equal(clock.pending, 1)
  await clock.advance(9000)
  assert.equal(clock.pending, 1)
  await clock.advance(1000)
  assert.equal(clock.pending, 0)
  expirations.add({ key: 'key', revision: 1n }, 1000)
  expirations.close()
  assert.equal(clock.pending, 0)
})
