import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { goJson, goJsonLine, goJsonSorted } from './go-json.ts'
import { parseWithLongIntegers } from './long-integers.ts'

/** What json.Marshal writes. Source: Go 1.19, and for `\b` and `\f` the notes of Go 1.22. */
const written: readonly (readonly [value: unknown, json: string])[] = [
  [undefined, 'null'],
  ['plain "text" \\ /', String.raw`"plain \"text\" \\ /"`],
  ['<a href="?x&y">', String.raw`"\u003ca href=\"?x\u0026y\"\u003e"`],
  ['\u2028\u2029\u2027\u2030', '"\\u2028\\u2029\u2027\u2030"'],
  ['\b\f\n\r\t\u0000\u001f\u007f', '"\\b\\f\\n\\r\\t\\u0000\\u001f\u007f"'],
  ['grün ☃ 😀 \ufeff\ufffd', '"grün ☃ 😀 \ufeff\ufffd"'],
  [String.raw`\ud800 \\udc00 \u003c`, String.raw`"\\ud800 \\\\udc00 \\u003c"`],
  [{ '<b>': 1, c: [{ '&': null }] }, String.raw`{"\u003cb\u003e":1,"c":[{"\u0026":null}]}`],
  [JSON.stringify({ a: '<' }), String.raw`"{\"a\":\"\u003c\"}"`],
  [[], '[]'],
  [{}, '{}'],
  [1e-6, '0.000001'],
  [0.000001234, '0.000001234'],
  [1e-7, '1e-7'],
  [1.25e-10, '1.25e-10'],
  [5e-324, '5e-324'],
  [-1e-100, '-1e-100'],
  [1e17, '100000000000000000'],
  [1e20, '100000000000000000000'],
  [1e21, '1e+21'],
  [-1.5e300, '-1.5e+300'],
  [Number.MAX_VALUE, '1.7976931348623157e+308'],
  [2 ** 53, '9007199254740992'],
  [2n ** 63n - 1n, '9223372036854775807'],
  [-(2n ** 63n), '-9223372036854775808'],
]

test('goJson writes the bytes of json.Marshal', () => {
  for (const [value, json] of written) assert.equal(goJson(value), json)
})

test('goJson writes -0 as 0', () => {
  assert.equal(goJson(-0), '0')
})

test('goJson indents as json.MarshalIndent', () => {
  assert.equal(
    goJson({ a: {}, b: [], c: [1, { 'x<': null }] }, 2),
    '{\n  "a": {},\n  "b": [],\n  "c": [\n    1,\n    {\n      "x\\u003c": null\n    }\n  ]\n}',
  )
})

test('goJsonLine ends with a line break', () => {
  assert.equal(goJsonLine({ a: '>' }), '{"a":"\\u003e"}\n')
})

test('goJsonSorted orders the keys of every map', () => {
  assert.equal(
    goJsonSorted({ b: { d: 1, c: 2 }, a: [{ z: 0, y: 1 }] }),
    '{"a":[{"y":1,"z":0}],"b":{"c":2,"d":1}}',
  )
})

/** Any string, with what is escaped more often than chance would have it. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('<', '>', '&', '\u2028', '\u2029', '\\', '"', '\ud800', '\udc00', '😀'),
    fc.constantFrom('\\ud800', '\\u003c', 'u', '\u0000', '\n'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  ),
})
const scalar = fc.oneof(
  text,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }),
  fc.boolean(),
  fc.constant(null),
)
const { value: json } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value')),
    fc.array(fc.tuple(text, tie('value'))).map((entries) => Object.fromEntries(entries)),
  ),
}))

test('goJson writes what is read as the same value, with nothing raw that matters in HTML', () => {
  fc.assert(
    fc.property(json, fc.constantFrom(undefined, 1, 2), (value, indent) => {
      const written = goJson(value, indent)
      assert.doesNotMatch(written, /[<>&\u2028\u2029]/)
      assert.deepEqual(parseWithLongIntegers(written), withExactNumbers(value))
    }),
  )
})

/** As numbers are read: integers of 64 bits are exact, whatever wrote them. */
function withExactNumbers(value: unknown): unknown {
  if (typeof value === 'number') return parseWithLongIntegers(String(value))
  if (Array.isArray(value)) return value.map(withExactNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withExactNumbers(item)]))
}
