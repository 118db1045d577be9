import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unifiedDifference } from './unified-difference.ts'

const rows: readonly (readonly [what: string, before: unknown, after: unknown, difference: string])[] = [
  ['nothing', { a: 1 }, { a: 1 }, ''],
  ['a scalar', 'a<b', 2, '@@ -1 +1 @@\n-"a\\u003cb"\n+2\n'],
  ['a field', { a: 1, b: [] }, { a: 2, b: [] }, '@@ -1,4 +1,4 @@\n {\n- "a": 1,\n+ "a": 2,\n  "b": []\n }\n'],
  ['what is added', [], [1], '@@ -1 +1,3 @@\n-[]\n+[\n+ 1\n+]\n'],
  [
    'what is far apart',
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [0, 2, 3, 4, 5, 6, 7, 8, 0],
    '@@ -1,5 +1,5 @@\n [\n- 1,\n+ 0,\n  2,\n  3,\n  4,\n@@ -7,5 +7,5 @@\n  6,\n  7,\n  8,\n- 9\n+ 0\n ]\n',
  ],
  [
    'a line that stands in many places',
    Array.from({ length: 300 }, () => 'same'),
    Array.from({ length: 300 }, (_, index) => (index === 150 ? 'other' : 'same')),
    '@@ -149,7 +149,7 @@\n  "same",\n  "same",\n  "same",\n- "same",\n+ "other",\n  "same",\n  "same",\n  "same",\n',
  ],
]

for (const [what, before, after, difference] of rows)
  test(`unifiedDifference shows ${what}`, () => assert.equal(unifiedDifference(before, after), difference))
