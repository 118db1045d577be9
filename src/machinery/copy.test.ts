import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { writableCopy } from './copy.ts'
import { deepFreeze } from './freeze.ts'

test('writableCopy shares nothing with the original', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const original = deepFreeze(value)
      assert.deepEqual(writableCopy(original), original)
    }),
  )
  const original = deepFreeze({ spec: { list: [{ a: 1 }] } })
  const edited = writableCopy(original)
  edited.spec.list[0]!.a = 2
  assert.deepEqual(original, { spec: { list: [{ a: 1 }] } })
})

test('writableCopy keeps a key named __proto__ a key', () => {
  const hostile = JSON.parse('{"a":{"__proto__":{"polluted":{}}}}') as { a: object }
  const copied = writableCopy(hostile)
  assert.equal(Object.getPrototypeOf(copied.a), Object.prototype)
  assert.equal(JSON.stringify(copied), JSON.stringify(hostile))
})

test('deepFreeze freezes every level', () => {
  const value = deepFreeze({ a: [{ b: {} }] })
  assert.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0]!.b))
})
