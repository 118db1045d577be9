import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fencedRange, isFence, prefixRange } from './key-range.ts'

const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

const ranges: readonly [string, string | undefined, string, string][] = [
  ['/a/', undefined, '/a/', '/a0'],
  ['/a/', '/a/5', '/a/5', '/a0'],
  ['/a/', '/', '/a/', '/a0'],
  ['/a', undefined, '/a', '/b'],
  ['', undefined, '\0', '\0'],
  ['', '/a', '/a', '\0'],
  ['/ä', undefined, '/\xc3\xa4', '/\xc3\xa5'],
  ['/\u{10ffff}', undefined, '/\xf4\x8f\xbf\xbf', '/\xf4\x8f\xbf\xc0'],
]

for (const [prefix, startKey, key, end] of ranges) {
  test(`prefixRange of '${prefix}' from ${startKey}`, () => {
    const range = prefixRange(prefix, startKey)
    assert.deepEqual([latin(range.key), latin(range.rangeEnd)], [key, end])
  })
}

test('fencedRange holds the keys of the prefix and the fence, which no key of an object is', () => {
  for (const prefix of ['/a/', '']) {
    const { key, rangeEnd, fenceKey } = fencedRange(prefix)
    assert.ok(isFence(fenceKey))
    assert.ok(Buffer.compare(key, fenceKey) <= 0)
    assert.ok(latin(rangeEnd) === '\0' || Buffer.compare(fenceKey, rangeEnd) < 0)
  }
  assert.ok(!isFence(Buffer.from('/a/k8ts.fence')))
})
