import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTokenFile } from './read-token-file.ts'

test('readTokenFile passes over empty tokens, and says which line has too few columns', () => {
  assert.deepEqual(readTokenFile(',nobody,u-0\nsecret,joe,u-1,"a,b"\n\nother,ann,\n'), [
    { token: 'secret', user: { name: 'joe', uid: 'u-1', groups: ['a', 'b'] } },
    { token: 'other', user: { name: 'ann', groups: [] } },
  ])
  assert.throws(() => readTokenFile('"secret,joe,u'), /quotation mark out of place/)
  assert.throws(() => readTokenFile('secret,joe'), /must have at least 3 columns .* line 1 has 2$/)
})
