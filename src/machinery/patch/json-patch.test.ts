import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { deepFreeze } from '../freeze.ts'
import type { JsonValue } from '../meta.ts'
import { applyJsonPatch, parseJsonPatch, type JsonPatchOperation } from './json-patch.ts'
import { applyMergePatch, createMergePatch } from './merge-patch.ts'
import { PatchError } from './patch-error.ts'

type Row = readonly [document: JsonValue, patch: readonly JsonPatchOperation[], result: JsonValue]

test('applyJsonPatch follows RFC 6902', () => {
  const rows: readonly Row[] = [
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: [1, 2] }, [{ op: 'add', path: '/a/-1', value: 3 }], { a: [1, 2, 3] }],
    [{ a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
    [{ a: [1, 2, 3] }, [{ op: 'remove', path: '/a/-1' }], { a: [1, 2] }],
    [{ 'a/b': { 'c~d': 1 } }, [{ op: 'remove', path: '/a~1b/c~0d' }], { 'a/b': {} }],
    [{ '~1': 1 }, [{ op: 'remove', path: '/~01' }], {}],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: [2] }], { a: [2] }],
    [{ a: 1 }, [{ op: 'replace', path: '/new', value: 2 }], { a: 1, new: 2 }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
    [{ a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    [
      { a: { b: [1] } },
      [
        { op: 'copy', from: '/a/b', path: '/c' },
        { op: 'add', path: '/c/-', value: 2 },
      ],
      { a: { b: [1] }, c: [1, 2] },
    ],
    [{ a: 1 }, [{ op: 'add', path: '/b' }], { a: 1, b: null }],
    [
      { a: { b: [1, 'x', null] } },
      [{ op: 'test', path: '/a', value: { b: [1, 'x', null] } }],
      { a: { b: [1, 'x', null] } },
    ],
    [{ a: 1 }, [{ op: 'test', path: '/b', value: null }], { a: 1 }],
    [{ a: 1 }, [{ op: 'test', path: '', value: { a: 1 } }], { a: 1 }],
    [{ '': 1 }, [{ op: 'replace', path: '/', value: 2 }], { '': 2 }],
  ]
  for (const [document, patch, result] of rows) {
    assert.deepEqual(applyJsonPatch(deepFreeze(document), patch), result)
  }
})

test('applyJsonPatch complains in the words of evanphx/json-patch', () => {
  const rows: readonly (readonly [JsonPatchOperation, string])[] = [
    [
      { op: 'add', path: '/x/y', value: 1 },
      'add operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      { op: 'add', path: 'a', value: 1 },
      'add operation does not apply: doc is missing path: "a": missing value',
    ],
    [{ op: 'add', value: 1 }, 'add operation failed to decode path: missing value'],
    [
      { op: 'add', path: '/l/9', value: 1 },
      "error in add for path: '/l/9': Unable to access invalid index: 9: invalid index referenced",
    ],
    [
      { op: 'add', path: '/l/x', value: 1 },
      "error in add for path: '/l/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
    ],
    [
      { op: 'remove', path: '/x' },
      "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      { op: 'remove', path: '/a/b' },
      'remove operation does not apply: doc is missing path: "/a/b": missing value',
    ],
    [
      { op: 'replace', path: '/x/y', value: 1 },
      'replace operation does not apply: doc is missing path: /x/y: missing value',
    ],
    [
      { op: 'replace', path: '/l/5', value: 1 },
      'replace operation does not apply: doc is missing key: /l/5: missing value',
    ],
    [
      { op: 'move', from: '/x', path: '/y' },
      "error in move for path: 'x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      { op: 'move', path: '/y' },
      'move operation failed to decode from: operation, missing from field: missing value',
    ],
    [
      { op: 'copy', from: '/x/y', path: '/y' },
      'copy operation does not apply: doc is missing from path: /x/y: missing value',
    ],
    [{ op: 'test', path: '/a', value: 2 }, 'testing value /a failed: test failed'],
    [
      { op: 'test', path: '/x/y', value: 2 },
      'test operation does not apply: is missing path: /x/y: missing value',
    ],
    [{ op: 'fly', path: '/a' }, 'Unexpected kind: fly'],
    [{ path: '/a' }, 'Unexpected kind: unknown'],
  ]
  for (const [operation, detail] of rows) {
    assert.throws(
      () => applyJsonPatch({ a: 1, l: [1] }, [operation]),
      (error) =>
        error instanceof PatchError &&
        error.status.code === 422 &&
        (assert.equal(error.detail, detail), true),
    )
  }
})

test('parseJsonPatch wants a list of operations, not too many', () => {
  assert.deepEqual(parseJsonPatch(null), [])
  assert.throws(() => parseJsonPatch({}), {
    message: 'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
  })
  assert.throws(() => parseJsonPatch(['x']), {
    message: 'json: cannot unmarshal string into Go value of type jsonpatch.Operation',
  })
  assert.throws(() => parseJsonPatch([{}, {}, {}], 2), {
    message: 'Request entity too large: The allowed maximum operations in a JSON patch is 2, got 3',
  })
})

test('applyJsonPatch cannot reach prototypes', () => {
  const patched = applyJsonPatch({ a: {} }, [
    { op: 'add', path: '/a/__proto__', value: { polluted: true } },
  ]) as { a: object }
  assert.equal(Object.getPrototypeOf(patched.a), Object.prototype)
  assert.throws(() => applyJsonPatch({}, [{ op: 'add', path: '/constructor/x', value: 1 }]), PatchError)
})

test('applyMergePatch follows RFC 7386', () => {
  const rows: readonly (readonly [JsonValue, JsonValue, JsonValue])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{}, { a: [{ b: null }, null] }, { a: [{}, null] }],
  ]
  for (const [document, patch, result] of rows) {
    assert.deepEqual(applyMergePatch(deepFreeze(document), deepFreeze(patch)), result)
  }
  assert.throws(() => applyMergePatch({}, 'x'), { message: 'Invalid JSON Patch' })
})

const withoutNull = fc.letrec<{ value: JsonValue; object: JsonValue }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.string(), fc.integer(), fc.array(fc.integer()), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true }),
})).object

test('createMergePatch turns one document into another', () => {
  fc.assert(
    fc.property(withoutNull, withoutNull, (original, modified) => {
      assert.deepEqual(applyMergePatch(original, createMergePatch(original, modified)), modified)
    }),
  )
})
