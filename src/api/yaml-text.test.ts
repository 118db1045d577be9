import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from './decode-error.ts'
import { duplicateYamlKey, parseYaml } from './yaml-text.ts'

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

test('duplicateYamlKey tells the line', () => {
  assert.equal(duplicateYamlKey('a: 1\nb: 2'), undefined)
  assert.equal(
    duplicateYamlKey('a: 1\nb:\n  c: 1\n  c: 2\n'),
    'yaml: unmarshal errors:\n  line 4: key "c" already set in map',
  )
})
