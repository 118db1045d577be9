import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Warnings } from './warnings.ts'

const bytes = (text: string) => Buffer.from(text).toString('latin1')

const rows: readonly (readonly [string, readonly string[], readonly string[] | undefined])[] = [
  ['nothing', ['', ''], undefined],
  ['each once', ['a', 'b', 'a'], ['a', 'b']],
  ['quotes', [String.raw`a "b" \c`], [String.raw`a \"b\" \\c`]],
  ['text of any language, as UTF-8', ['größer → ✓'], [bytes('größer → ✓')]],
  ['not what cannot stand in a header', ['a\nb', 'c\u0085', 'd'], ['d']],
  ['long ones whole while there is room', ['x'.repeat(4096)], ['x'.repeat(4096)]],
  [
    'those before cut, too, when there is no room left',
    ['x'.repeat(4000), 'y'.repeat(97), 'z'.repeat(300)],
    ['x'.repeat(256), 'y'.repeat(97), 'z'.repeat(256)],
  ],
  ['whole characters where one is cut', ['😀'.repeat(4097)], [bytes('😀'.repeat(256))]],
  [
    'none after so many',
    ['x'.repeat(4097), ...Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(300, '-'))],
    ['x'.repeat(256), ...Array.from({ length: 15 }, (_, index) => `${index}`.padEnd(256, '-'))],
  ],
]

describe('Warnings', () => {
  for (const [what, given, expected] of rows) {
    it(`says ${what}`, () => {
      const warnings = new Warnings()
      for (const message of given) warnings.add(message)
      assert.deepEqual(
        warnings.headers,
        expected?.map((message) => `299 - "${message}"`),
      )
    })
  }
})
