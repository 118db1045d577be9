import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aPod } from '../testing/a-pod.ts'
import { backoffLeftMs, finishedMs, nextBackoff, noBackoff } from './backoff.ts'
import { aJobPod, ended } from './testing/builders.ts'

const at = (seconds: number) => Date.UTC(2026, 0, 1, 0, 0, seconds)
const time = (seconds: number) => `2026-01-01T00:00:${String(seconds).padStart(2, '0')}Z`
const endedAt = (...seconds: readonly number[]) =>
  seconds.map((second) => aJobPod(`p${second}`, { phase: 'Failed', finishedAt: time(second) }))

void describe('nextBackoff', () => {
  const before = { failures: 2, lastFailureMs: at(0) }
  const rows = [
    ['nothing', [], [], before],
    ['failures', [], [5, 3], { failures: 4, lastFailureMs: at(5) }],
    ['a success', [5], [], noBackoff],
    ['a success after failures', [5], [3, 4], noBackoff],
    ['failures after a success', [5], [4, 6, 7], { failures: 2, lastFailureMs: at(7) }],
  ] as const
  for (const [name, successes, failures, expected] of rows) {
    void it(`after ${name}`, () =>
      assert.deepEqual(nextBackoff(before, endedAt(...successes), endedAt(...failures)), expected))
  }
})

void describe('backoffLeftMs', () => {
  const rows = [
    [0, 0],
    [1, 10_000],
    [2, 20_000],
    [6, 320_000],
    [7, 600_000],
    [1000, 600_000],
  ] as const
  for (const [failures, left] of rows) {
    void it(`after ${failures} failures is ${left}`, () =>
      assert.equal(backoffLeftMs({ failures, lastFailureMs: at(0) }, at(0)), left))
  }
  void it('ends', () => assert.equal(backoffLeftMs({ failures: 1, lastFailureMs: at(0) }, at(11)), 0))
})

void describe('finishedMs', () => {
  const notReady = { type: 'Ready', status: 'False', lastTransitionTime: time(3) }
  const rows = [
    ['its last container', { containerStatuses: [ended(0, time(1)), ended(0, time(2))] }, {}, 2],
    [
      'its condition while a container runs',
      { containerStatuses: [ended(0, time(1)), { ...ended(), state: {} }], conditions: [notReady] },
      {},
      3,
    ],
    ['its deletion', {}, { deletionTimestamp: time(30), deletionGracePeriodSeconds: 26 }, 4],
    ['its creation', {}, { creationTimestamp: time(5) }, 5],
  ] as const
  for (const [name, status, metadata, seconds] of rows) {
    void it(`goes by ${name}`, () => assert.equal(finishedMs(aPod('p', { status, metadata })), at(seconds)))
  }
})
