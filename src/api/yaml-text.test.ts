import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from './decode-error.ts'
import { parseYaml, readYaml } from './yaml-text.ts'

test('parseYaml reads scalars as sigs.k8s.io/yaml', () => {
  const rows: readonly [text: string, value: unknown][] = [
    ['yes', true],
    ['Off', false],
    ['"yes"', 'yes'],
    ['~', null],
    ['', null],
    ['0o17', 15],
    ['017', 15],
    ['0x1F', 31],
    ['1_000', 1000],
    ['-5', -5],
    ['1.5e3', 1500],
    ['09', 9],
    ['12:30:45', '12:30:45'],
    ['2020-01-01', '2020-01-01'],
    ['1.2.3', '1.2.3'],
    ['{"a": [1, "b"]}', { a: [1, 'b'] }],
    ['a: &x {b: 1}\nc: {<<: *x, d: 2}', { a: { b: 1 }, c: { b: 1, d: 2 } }],
    ['1: a\ntrue: b', { 1: 'a', true: 'b' }],
    ['a: 1\na: 2', { a: 2 }],
  ]
  for (const [text, value] of rows) assert.deepEqual(parseYaml(text), value, text)
})

test('parseYaml refuses documents that grow or do not end', () => {
  const levels = ['a: &l0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 8; level++) {
    const alias = `*l${level - 1}`
    levels.push(`b${level}: &l${level} [${Array.from({ length: 10 }, () => alias).join(', ')}]`)
  }
  const rows: readonly string[] = [
    levels.join('\n'),
    'a: &a [*a]',
    `${'['.repeat(200)}${']'.repeat(200)}`,
    'a: b: c',
    'a: 1\n---\nb: 2',
    'a: !!js/function x',
  ]
  for (const text of rows) assert.throws(() => parseYaml(text), DecodeError, text.slice(0, 40))
})

test('readYaml refuses escapes of surrogates in JSON', () => {
  const message = 'found invalid Unicode character escape code'
  const rows: readonly [text: string, message: string][] = [
    [String.raw`{"a":"\ud800"}`, `yaml: ${message}`],
    [String.raw`{"\ud83d\ude00":1}`, `yaml: ${message}`],
    ['{\n"a":\n "\\u0041\\uDC00"}', `yaml: line 3: ${message}`],
  ]
  for (const [text, message] of rows) assert.throws(() => readYaml(text), new DecodeError(message), text)
  assert.deepEqual(parseYaml(String.raw`{"a":"\\ud800","b":"\"\u00e9 😀"}`), {
    a: String.raw`\ud800`,
    b: '"é 😀',
  })
})

test('readYaml tells the line of a key that stands twice', () => {
  const rows: readonly [text: string, message: string | undefined][] = [
    ['a: 1\nb: 2', undefined],
    ['a: 1\nb:\n  c: 1\n  c: 2\n', 'yaml: unmarshal errors:\n  line 4: key "c" already set in map'],
    ['{"a": {"b": 1}, "b": ["a"]}', undefined],
    ['{"a": 1,\n"a": 2}', 'yaml: unmarshal errors:\n  line 2: key "a" already set in map'],
  ]
  for (const [text, message] of rows) assert.equal(readYaml(text).duplicateKey(), message, text)
})

test('readYaml reads JSON as it reads YAML', () => {
  const inYaml = '\n# no JSON'
  const rows = ['{"a": 9007199254740993, "b": -0, "c": 1e21}', '{"<<": {"a": 1}, "b": 2}', '{"__proto__": 1}']
  const texts = fc.oneof(
    fc.constantFrom(...rows),
    fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()).map((value) => JSON.stringify(value)),
  )
  const read = (text: string) => {
    try {
      return readYaml(text).value
    } catch (error) {
      if (error instanceof DecodeError) return error.message
      throw error
    }
  }
  fc.assert(fc.property(texts, (text) => assert.deepEqual(read(text), read(text + inYaml))))
})
