import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from './fake-clock.ts'

void describe('fakeClock', () => {
  void it('runs what is due and was not cancelled in order of time, what is due together as it was asked for', () => {
    const call = fc.record({ delayMs: fc.integer({ min: -1, max: 20 }), isCancelled: fc.boolean() })
    return fc.assert(
      fc.asyncProperty(fc.array(call), async (calls) => {
        const clock = fakeClock()
        const ran: (readonly [index: number, atMs: number])[] = []
        const cancels = calls.map(({ delayMs }, index) =>
          clock.after(delayMs, () => ran.push([index, clock.monotonic()])),
        )
        cancels.forEach((cancel, index) => {
          if (calls[index]!.isCancelled) cancel()
        })
        const expected = calls
          .map(({ delayMs, isCancelled }, index) => ({ dueMs: Math.max(0, delayMs), isCancelled, index }))
          .filter(({ isCancelled }) => !isCancelled)
          .toSorted((a, b) => a.dueMs - b.dueMs)
        assert.equal(clock.pending, expected.length)

        await clock.advance(10)

        const due = expected.filter(({ dueMs }) => dueMs <= 10)
        assert.deepEqual(
          ran,
          due.map(({ index, dueMs }) => [index, dueMs]),
        )
        assert.equal(clock.pending, expected.length - due.length)
      }),
      { numRuns: 50 },
    )
  })

  void it('runs what a call asks for while time moves', async () => {
    const clock = fakeClock()
    const atMs: number[] = []
    const again = () => {
      atMs.push(clock.monotonic())
      clock.after(4, again)
    }
    clock.after(0, again)
    await clock.advance(10)
    assert.deepEqual(atMs, [0, 4, 8])
    assert.equal(clock.pending, 1)
  })
})
