import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonicalJson, fnv132, fnv1a32, fnv1a64, templateHash } from './hash.ts'
import { generateName, randomSuffix, safeEncodeString } from './names.ts'
import { seededRandom } from './random.ts'

test('generateName appends five characters and keeps to 63', () => {
  assert.match(generateName('web-', seededRandom(1)), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  assert.equal(generateName('a'.repeat(80), seededRandom(1)).length, 63)
  assert.equal(randomSuffix(5, { ...seededRandom(1), next: () => 0.999999 }), '99999')
})

test('safeEncodeString maps digits as upstream', () => {
  assert.equal(safeEncodeString('0123456789'), '456789bcdf')
})

test('fnv hashes have the published values', () => {
  assert.equal(fnv1a32(''), 0x811c9dc5)
  assert.equal(fnv1a32('a'), 0xe40c292c)
  assert.equal(fnv1a32('foobar'), 0xbf9cf968)
  assert.equal(fnv132('foobar'), 0x31f0b262)
  assert.equal(fnv1a64(''), 0xcbf29ce484222325n)
  assert.equal(fnv1a64('a'), 0xaf63dc4c8601ec8cn)
  assert.equal(fnv1a64('foobar'), 0x85944171f73967e8n)
})

test('fnv1a64 is arithmetic modulo 2^64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      let hash = 0xcbf29ce484222325n
      for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
      assert.equal(fnv1a64(bytes), hash)
    }),
  )
})

test('templateHash depends on the value alone', () => {
  assert.equal(canonicalJson({ b: [1, { d: null, c: undefined }], a: 'x' }), '{"a":"x","b":[1,{"d":null}]}')
  assert.equal(templateHash({ a: 1, b: 2 }), templateHash({ b: 2, a: 1 }))
  assert.notEqual(templateHash({ a: 1 }), templateHash({ a: 2 }))
  assert.notEqual(templateHash({ a: 1 }), templateHash({ a: 1 }, 0))
  assert.match(templateHash({ a: 1 }), /^[bcdf456789]+$/)
})
