import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from './testing/fake-clock.ts'
import { TokenBucket } from './token-bucket.ts'

test('TokenBucket gives its burst at once and then one token after another', async () => {
  const clock = fakeClock()
  const bucket = new TokenBucket({ qps: 2, burst: 3, clock })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.tryTake()),
    [true, true, true, false],
  )
  await clock.advance(500)
  assert.deepEqual([bucket.tryTake(), bucket.tryTake()], [true, false])
  await clock.advance(60_000)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.tryTake()),
    [true, true, true, false],
  )
})

test('TokenBucket tells who takes more than there is how long to wait, each behind the other', () => {
  const bucket = new TokenBucket({ qps: 10, burst: 1, clock: fakeClock() })
  assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [0, 100, 200])
})
