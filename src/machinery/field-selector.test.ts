import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  escapeFieldValue,
  formatFieldSelector,
  matchesFields,
  parseFieldSelector,
  requiredFieldValue,
  unescapeFieldValue,
} from './field-selector.ts'

test('parseFieldSelector and formatFieldSelector give the canonical text', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', ''],
    ['a=1', 'a=1'],
    ['b==2,a!=1', 'a!=1,b=2'],
    ['a=1,,', 'a=1'],
    ['a=\\,\\=\\\\', 'a=\\,\\=\\\\'],
    ['a=', 'a='],
    ['함=수', '함=수'],
  ]
  for (const [text, canonical] of rows) {
    assert.equal(formatFieldSelector(parseFieldSelector(text)), canonical, text)
  }
})

test('parseFieldSelector complains in upstream words', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=1,b', "invalid selector: 'a=1,b'; can't understand 'b'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['a=\\', 'invalid field selector: invalid escape sequence: \\'],
  ]
  for (const [text, message] of rows) assert.throws(() => parseFieldSelector(text), { message }, text)
})

test('matchesFields takes an absent field for empty', () => {
  const selector = parseFieldSelector('metadata.name=a,spec.nodeName!=')
  assert.equal(matchesFields(selector, { 'metadata.name': 'a', 'spec.nodeName': 'n' }), true)
  assert.equal(matchesFields(selector, { 'metadata.name': 'a' }), false)
  assert.equal(requiredFieldValue(selector, 'metadata.name'), 'a')
  assert.equal(requiredFieldValue(selector, 'spec.nodeName'), undefined)
})

test('escapeFieldValue and unescapeFieldValue are inverse', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ',', '=', '\\', 'ü') }), (value) => {
      assert.equal(unescapeFieldValue(escapeFieldValue(value)), value)
    }),
  )
})
