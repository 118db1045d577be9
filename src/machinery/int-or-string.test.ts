import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIntOrString, scaledValue } from './int-or-string.ts'

test('scaledValue rounds percentages as told', () => {
  const rows: readonly (readonly [number | string, number, number, number])[] = [
    [5, 10, 5, 5],
    ['25%', 10, 2, 3],
    ['25%', 8, 2, 2],
    ['0%', 10, 0, 0],
    ['150%', 3, 4, 5],
  ]
  for (const [value, total, down, up] of rows) {
    assert.deepEqual([scaledValue(value, total, false), scaledValue(value, total, true)], [down, up])
  }
})

test('scaledValue complains as upstream', () => {
  assert.throws(() => scaledValue('5', 10, true), {
    message: 'invalid value for IntOrString: invalid type: string is not a percentage',
  })
  assert.throws(() => scaledValue('a%', 10, true), {
    message: 'invalid value for IntOrString: invalid value "a%": strconv.Atoi: parsing "a": invalid syntax',
  })
})

test('parseIntOrString keeps text that is no 32-bit number', () => {
  assert.deepEqual(['80', '-1', 'http', '4294967296', '5%'].map(parseIntOrString), [
    80,
    -1,
    'http',
    '4294967296',
    '5%',
  ])
})
