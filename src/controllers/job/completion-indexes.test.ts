import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  countCommonIndexes,
  countIndexes,
  firstFreeIndexes,
  formatIndexes,
  hasIndex,
  indexesOf,
  parseIndexes,
  unionOfIndexes,
} from './completion-indexes.ts'

void describe('parseIndexes', () => {
  const rows = [
    ['', 10, ''],
    ['0', 10, '0'],
    ['1,3-5,7', 10, '1,3-5,7'],
    ['1,2', 10, '1,2'],
    ['1,2,3', 10, '1-3'],
    ['0-9', 5, '0-4'],
    ['0,7,9', 8, '0,7'],
    ['0,x,3-y,5', 10, '0,5'],
  ] as const
  for (const [text, completions, expected] of rows) {
    void it(`of "${text}" below ${completions} is "${expected}"`, () =>
      assert.equal(formatIndexes(parseIndexes(text, completions)), expected))
  }
})

void describe('firstFreeIndexes', () => {
  const rows = [
    ['', 3, 5, [0, 1, 2]],
    ['0,2', 3, 5, [1, 3, 4]],
    ['0-4', 3, 5, []],
    ['3,9', 10, 5, [0, 1, 2, 4]],
    ['1', 0, 5, []],
  ] as const
  for (const [taken, count, completions, expected] of rows) {
    void it(`gives ${count} of ${completions} beside "${taken}"`, () =>
      assert.deepEqual(firstFreeIndexes(parseIndexes(taken, 100), count, completions), expected))
  }
})

void describe('CompletionIndexes', () => {
  const numbers = fc.array(fc.nat(60))

  void it('are sets of numbers', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const union = unionOfIndexes(indexesOf(a), indexesOf(b))
        const expected = new Set([...a, ...b])
        assert.equal(countIndexes(union), expected.size)
        assert.equal(countCommonIndexes(indexesOf(a), indexesOf(b)), new Set(a).intersection(new Set(b)).size)
        for (let index = 0; index <= 61; index++) assert.equal(hasIndex(union, index), expected.has(index))
      }),
    )
  })

  void it('survive being written and read', () => {
    fc.assert(
      fc.property(numbers, (all) =>
        assert.deepEqual(parseIndexes(formatIndexes(indexesOf(all)), 100), indexesOf(all)),
      ),
    )
  })
})
