import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutBulk } from './bulk.ts'

for (const [name, object, left] of [
  ['nothing', { a: 1 }, { a: 1 }],
  ['an empty object', { bulk: {} }, { bulk: {} }],
  [
    'several, wherever they stand',
    { a: [{ bulk: { x: '}' } }], b: { bulk: { y: '\\"{' } } },
    { a: [{ bulk: {} }], b: { bulk: {} } },
  ],
  ['the outermost alone', { bulk: { bulk: { x: 1 } }, c: 2 }, { bulk: {}, c: 2 }],
  ['no other value of the field', { bulk: 'text', a: { bulk: [1] } }, { bulk: 'text', a: { bulk: [1] } }],
  ['no text that reads like it', { a: '"bulk":{"x":1}' }, { a: '"bulk":{"x":1}' }],
] as const) {
  test(`withoutBulk leaves out ${name}`, () => {
    assert.deepEqual(JSON.parse(withoutBulk(Buffer.from(JSON.stringify(object)), 'bulk').toString()), left)
  })
}
