import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatMicroTime, formatTime, parseTime } from './time.ts'

const base = Date.UTC(2026, 0, 2, 3, 4, 5)

void describe('formatTime and formatMicroTime', () => {
  void it('write UTC with seconds or microseconds', () => {
    assert.equal(formatTime(base + 999), '2026-01-02T03:04:05Z')
    assert.equal(formatMicroTime(base), '2026-01-02T03:04:05.000000Z')
    assert.equal(formatMicroTime(base + 6.25), '2026-01-02T03:04:05.006250Z')
    assert.equal(formatMicroTime(base + 6.9999), '2026-01-02T03:04:05.007000Z')
  })
})

void describe('parseTime', () => {
  const rows = [
    ['2026-01-02T03:04:05Z', base],
    ['2026-01-02T04:04:05+01:00', base],
    ['2026-01-02T03:04:05.006250Z', base + 6.25],
    ['nonsense', undefined],
    [null, undefined],
  ] as const
  for (const [time, milliseconds] of rows) {
    void it(`reads ${time}`, () => assert.equal(parseTime(time), milliseconds))
  }
})
