import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, humanDuration, parseDuration, shortHumanDuration } from './duration.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

test('parseDuration reads what Go reads', () => {
  const rows: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['1h30m', 90 * minute],
    ['-1.5s', -1500],
    ['+5s', 5000],
    ['.5s', 500],
    ['1.s', 1000],
    ['100ms', 100],
    ['1us', 0.001],
    ['3µs', 0.003],
    ['1h1m1s1ms', hour + minute + second + 1],
  ]
  for (const [text, milliseconds] of rows) assert.equal(parseDuration(text), milliseconds, text)
})

test('parseDuration complains as Go', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['3', 'time: missing unit in duration "3"'],
    ['s', 'time: invalid duration "s"'],
    ['.s', 'time: invalid duration ".s"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['9000000h', 'time: invalid duration "9000000h"'],
  ]
  for (const [text, message] of rows) assert.throws(() => parseDuration(text), { message }, text)
})

test('formatDuration prints as Go', () => {
  const rows: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [0.000001, '1ns'],
    [0.0015, '1.5µs'],
    [1.5, '1.5ms'],
    [1500, '1.5s'],
    [90 * second, '1m30s'],
    [90 * minute, '1h30m0s'],
    [-second, '-1s'],
    [100 * hour + 1, '100h0m0.001s'],
  ]
  for (const [milliseconds, text] of rows) assert.equal(formatDuration(milliseconds), text)
})

test('humanDuration prints as kubectl', () => {
  const rows: readonly (readonly [number, string, string])[] = [
    [-2 * second, '<invalid>', '<invalid>'],
    [-second, '0s', '0s'],
    [999, '0s', '0s'],
    [70 * second, '70s', '1m'],
    [130 * second, '2m10s', '2m'],
    [5 * minute, '5m', '5m'],
    [25 * minute, '25m', '25m'],
    [170 * minute, '170m', '2h'],
    [6 * hour + minute, '6h1m', '6h'],
    [25 * hour, '25h', '1d'],
    [3 * day + hour, '3d1h', '3d'],
    [7 * day, '7d', '7d'],
    [700 * day, '700d', '1y'],
    [800 * day, '2y70d', '2y'],
    [3650 * day, '10y', '10y'],
  ]
  for (const [milliseconds, human, short] of rows) {
    assert.deepEqual([humanDuration(milliseconds), shortHumanDuration(milliseconds)], [human, short])
  }
})
