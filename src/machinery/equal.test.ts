import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonEqual, semanticEqual } from './equal.ts'
import type { Schema } from './schema.ts'

test('jsonEqual compares by value', () => {
  const rows: readonly (readonly [unknown, unknown, boolean])[] = [
    [1, 1, true],
    [1, '1', false],
    [null, undefined, false],
    [[1, { a: 2 }], [1, { a: 2 }], true],
    [[1], [1, 2], false],
    [[], {}, false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: undefined }, { b: 1 }, false],
    [{ toString: 1 }, {}, false],
    [{}, { a: null }, false],
  ]
  for (const [a, b, equal] of rows) {
    assert.equal(jsonEqual(a, b), equal)
    assert.equal(jsonEqual(b, a), equal)
  }
})

test('semanticEqual takes absent for empty', () => {
  const rows: readonly (readonly [unknown, unknown, boolean])[] = [
    [{ a: [] }, {}, true],
    [{ a: {} }, {}, true],
    [{ a: null }, {}, true],
    [undefined, [], true],
    [{ a: '' }, {}, false],
    [{ a: 0 }, {}, false],
    [{ a: { b: [] } }, { a: { c: {} } }, true],
  ]
  for (const [a, b, equal] of rows) {
    assert.equal(semanticEqual(a, b), equal)
    assert.equal(semanticEqual(b, a), equal)
  }
})

test('semanticEqual with a schema knows structs, quantities and times', () => {
  const schema: Schema = {
    type: 'object',
    fields: {
      emptyDir: { schema: { type: 'object', fields: {} } },
      labels: { schema: { type: 'map', values: { type: 'string' } } },
      limit: { schema: { type: 'quantity' } },
      when: { schema: { type: 'time' } },
    },
  }
  assert.equal(semanticEqual({ emptyDir: {} }, {}, schema), false)
  assert.equal(semanticEqual({ labels: {} }, {}, schema), true)
  assert.equal(semanticEqual({ limit: '1' }, { limit: '1000m' }, schema), true)
  assert.equal(semanticEqual({ limit: '1' }, { limit: 'x' }, schema), false)
  const when = '2026-01-02T03:04:05Z'
  assert.equal(semanticEqual({ when }, { when: '2026-01-02T04:04:05+01:00' }, schema), true)
})
