import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeAndCount } from './decode.ts'
import { DecodeError } from './decode-error.ts'
import { countJsonKeys, duplicateFields, parseExactJson, parseJson } from './json-text.ts'
import { schemaOf } from './scheme.ts'

test('parseJson complains in the words of encoding/json', () => {
  const rows: readonly [text: string, message: string][] = [
    ['', 'unexpected end of JSON input'],
    ['{"a":', 'unexpected end of JSON input'],
    ['{"a":}', "invalid character '}' looking for beginning of value"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['tru', 'unexpected end of JSON input'],
    ['trxe', "invalid character 'x' in literal true (expecting 'u')"],
    ['-x', "invalid character 'x' in numeric literal"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ['01', "invalid character '1' after top-level value"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"a\nb"', String.raw`invalid character '\n' in string literal`],
    ["{'a':1}", String.raw`invalid character '\'' looking for beginning of object key string`],
  ]
  for (const [text, message] of rows) {
    assert.throws(() => parseJson(text), new DecodeError(message), text)
  }
})

test('parseJson reads half of a surrogate pair as Go does', () => {
  const rows: readonly [text: string, value: unknown][] = [
    [String.raw`"\ud800"`, '\ufffd'],
    [String.raw`"\uDC00x"`, '\ufffdx'],
    [String.raw`"\ud800\ud800"`, '\ufffd\ufffd'],
    [String.raw`"\ud83d\u0041"`, '\ufffdA'],
    [String.raw`"\ud800\ud83d\ude00"`, '\ufffd😀'],
    [String.raw`"\uD83D\uDE00"`, '😀'],
    [String.raw`"\\ud800"`, String.raw`\ud800`],
    [String.raw`"\"\\\ud800"`, '"\\\ufffd'],
    [String.raw`{"\ud800":1,"\udbff":2}`, { '\ufffd': 2 }],
  ]
  for (const [text, value] of rows) {
    assert.deepEqual(parseJson(text), value, text)
    assert.deepEqual(parseExactJson(text), value, text)
  }
  const text = String.raw`{"data":{"\ud800":"1","\udbff":"2"}}`
  const schema = schemaOf({ group: '', version: 'v1', kind: 'ConfigMap' })!
  assert.deepEqual(duplicateFields(text, schema), ['data.\ufffd'])
})

test('parseJson has no string that UTF-8 cannot say, and changes no other', () => {
  const unit = fc.oneof(
    fc.constantFrom('\ud83d', '\ude00', '\\', '"', 'u', 'd800', String.raw`\udc00`),
    fc.string({ unit: 'binary', maxLength: 2 }),
  )
  fc.assert(
    fc.property(fc.array(fc.string({ unit })), (texts) => {
      const expected = texts.map((text) => text.toWellFormed())
      const json = JSON.stringify(texts)
      assert.deepEqual(parseJson(json), expected)
      const escaped = json.replaceAll(
        /[^\0-~]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
      assert.deepEqual(parseJson(escaped), expected)
    }),
  )
})

test('countJsonKeys agrees with decoding unless a key stands twice', () => {
  const schema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!
  const json = fc.json({ depthSize: 'medium' }).map((text) => JSON.parse(text) as unknown)
  fc.assert(
    fc.property(fc.dictionary(fc.string(), json), fc.boolean(), (extra, pretty) => {
      const value = { ...extra, metadata: { managedFields: [{ fieldsV1: extra }], labels: { 'a"b\\': ':' } } }
      // Integers beyond 2^53 are refused.
      fc.pre(!/\d{16}/.test(JSON.stringify(extra)))
      const text = JSON.stringify(value, null, pretty ? 2 : undefined)
      assert.equal(decodeAndCount(JSON.parse(text), schema).keyCount, countJsonKeys(text))
    }),
  )
})

test('duplicateFields finds what Go would find', () => {
  const schema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!
  const rows: readonly [text: string, paths: readonly string[]][] = [
    ['{"spec":{"nodeName":"a","nodeName":"b"}}', ['spec.nodeName']],
    [
      '{"metadata":{"labels":{"a.b/c":"1","a.b/c":"2"}},"kind":"Pod","kind":"Pod"}',
      ['metadata.labels.a.b/c', 'kind'],
    ],
    ['{"spec":{"containers":[{},{"name":"a","\\u006eame":"b"}]}}', ['spec.containers[1].name']],
    ['{"spec":{"nope":{"a":1,"a":2}}}', []],
    ['{"metadata":{"managedFields":[{"fieldsV1":{"a":1,"a":2}}]}}', []],
  ]
  for (const [text, paths] of rows) assert.deepEqual(duplicateFields(text, schema), paths, text)
})
