import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expand } from './expansion.ts'

describe('expand', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['$(A)', 'a'],
    ['x$(A)y$(B)z', 'xaybz'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$(NONE)', '$(NONE)'],
    ['$(A', '$(A'],
    ['$A', '$A'],
    ['end$', 'end$'],
    ['$(A)$', 'a$'],
    ['$()', '$()'],
    ['$(A$(B))', '$(A$(B))'],
  ]
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => {
      const values: Readonly<Record<string, string>> = { A: 'a', B: 'b' }
      assert.equal(
        expand(text, (name) => values[name]),
        expected,
      )
    })
  }
})
