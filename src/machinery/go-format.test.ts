import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareGoStrings, goFloat, goQuote, goQuoteList, goValue } from './go-format.ts'

test('goQuote escapes as strconv.Quote does', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', '""'],
    ['plain text', '"plain text"'],
    ['say "hi" \\ bye', '"say \\"hi\\" \\\\ bye"'],
    ['a\n\t\r\u0007\b\f\v', '"a\\n\\t\\r\\a\\b\\f\\v"'],
    ['\u0000\u001f\u007f', '"\\x00\\x1f\\x7f"'],
    ['grün ☃ 😀', '"grün ☃ 😀"'],
    ['\u00a0\u200b\ufeff', '"\\u00a0\\u200b\\ufeff"'],
    ['\u{e0001}', '"\\U000e0001"'],
  ]
  for (const [text, quoted] of rows) assert.equal(goQuote(text), quoted)
})

test('goFloat prints as %v', () => {
  const rows: readonly (readonly [number, string])[] = [
    [0, '0'],
    [-0, '-0'],
    [1.5, '1.5'],
    [1_000_000, '1000000'],
    [1e21, '1e+21'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1.25e-7, '1.25e-07'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NaN, 'NaN'],
  ]
  for (const [value, text] of rows) assert.equal(goFloat(value), text)
})

test('goValue prints maps sorted and lists with spaces', () => {
  assert.equal(goValue({ b: ['x', 'y'], a: 1, c: null }), 'map[a:1 b:[x y] c:<nil>]')
})

test('goQuoteList prints as %q of a string slice', () => {
  assert.equal(goQuoteList(['a', 'b"c']), '["a" "b\\"c"]')
})

test('compareGoStrings orders by code point', () => {
  assert.deepEqual(['b', '\u{1f600}', 'a', '\uffee', 'aa'].toSorted(compareGoStrings), [
    'a',
    'aa',
    'b',
    '\uffee',
    '\u{1f600}',
  ])
})
