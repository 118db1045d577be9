import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { integerOf, parseWithLongIntegers } from './long-integers.ts'

test('parseWithLongIntegers keeps every digit of 64 bits, and JSON.stringify writes them', () => {
  const rows: readonly [text: string, value: unknown][] = [
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['{"a":[1, 9223372036854775807],"b":1.5}', { a: [1, 2n ** 63n - 1n], b: 1.5 }],
    // Beyond 64 bits, and with a fraction or an exponent, it is a float64.
    ['[9223372036854775808]', [2 ** 63]],
    ['{"a":\n 18014398509481984.0}', { a: 2 ** 54 }],
    ['{"a":"9223372036854775807"}', { a: '9223372036854775807' }],
  ]
  for (const [text, value] of rows) {
    assert.deepEqual(parseWithLongIntegers(text), value)
  }
  assert.equal(JSON.stringify({ a: 2n ** 63n - 1n }), '{"a":9223372036854775807}')
})

test('integers of 64 bits go through JSON unchanged', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (integer) => {
      const text = `{"a":[${integer}]}`
      assert.equal(JSON.stringify(parseWithLongIntegers(text)), text)
      assert.equal(BigInt(integerOf(integer.toString())), integer)
    }),
  )
})
