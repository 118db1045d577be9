import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatGoDuration, parseGoDuration } from './go-duration.ts'
import { canonicalMicroTimeOf, canonicalTimeOf } from './go-time.ts'

test('canonicalTimeOf gives UTC with seconds', () => {
  const rows: readonly [text: string, time: string | undefined][] = [
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.999999999Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05+02:30', '2026-01-02T00:34:05Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
    ['0099-12-31T23:59:59Z', '0099-12-31T23:59:59Z'],
    ['0001-01-01T00:00:00Z', undefined],
    ['0001-01-01T01:00:00+01:00', undefined],
  ]
  for (const [text, time] of rows) assert.equal(canonicalTimeOf(text), time, text)
})

test('canonicalTimeOf complains in the words of time.Parse', () => {
  const layout = '2006-01-02T15:04:05Z07:00'
  const rows: readonly [text: string, message: string][] = [
    ['', `parsing time "" as "${layout}": cannot parse "" as "2006"`],
    ['2026-01-02', `parsing time "2026-01-02" as "${layout}": cannot parse "" as "T"`],
    [
      '2026-01-02 03:04:05Z',
      `parsing time "2026-01-02 03:04:05Z" as "${layout}": cannot parse " 03:04:05Z" as "T"`,
    ],
    ['2026-13-01T00:00:00Z', 'parsing time "2026-13-01T00:00:00Z": month out of range'],
    ['2026-02-29T00:00:00Z', 'parsing time "2026-02-29T00:00:00Z": day out of range'],
    ['2026-02-01T24:00:00Z', 'parsing time "2026-02-01T24:00:00Z": hour out of range'],
    ['2026-02-01T03:04:05', `parsing time "2026-02-01T03:04:05" as "${layout}": cannot parse "" as "Z07:00"`],
    ['2026-02-01T03:04:05Zx', 'parsing time "2026-02-01T03:04:05Zx": extra text: "x"'],
  ]
  for (const [text, message] of rows) assert.throws(() => canonicalTimeOf(text), { message }, text)
})

test('canonicalMicroTimeOf wants six digits', () => {
  assert.equal(canonicalMicroTimeOf('2026-01-02T03:04:05.000006+01:00'), '2026-01-02T02:04:05.000006Z')
  assert.throws(() => canonicalMicroTimeOf('2026-01-02T03:04:05Z'), {
    message:
      'parsing time "2026-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
  })
})

test('durations are written as Go writes them', () => {
  const rows: readonly [text: string, duration: string][] = [
    ['90s', '1m30s'],
    ['1.5h', '1h30m0s'],
    ['100ms', '100ms'],
    ['1500us', '1.5ms'],
    ['1ns', '1ns'],
    ['-1h2m3.004s', '-1h2m3.004s'],
    ['0', '0s'],
  ]
  for (const [text, duration] of rows) assert.equal(formatGoDuration(parseGoDuration(text)), duration, text)
  assert.throws(() => parseGoDuration('5'), { message: 'time: missing unit in duration "5"' })
  assert.throws(() => parseGoDuration('5x'), { message: 'time: unknown unit "x" in duration "5x"' })
  assert.throws(() => parseGoDuration(''), { message: 'time: invalid duration ""' })
})
