import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { deepFreeze } from '../freeze.ts'
import type { JsonValue } from '../meta.ts'
import type { ObjectSchema } from '../schema.ts'
import { createTwoWayMergePatch } from './create-strategic-merge-patch.ts'
import { PatchError } from './patch-error.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const text = { type: 'string' } as const

const item: ObjectSchema = {
  type: 'object',
  name: 'test.Item',
  fields: {
    name: { schema: text },
    value: { schema: text },
    env: {
      schema: {
        type: 'list',
        listType: 'map',
        mapKeys: ['name'],
        items: { type: 'object', fields: { name: { schema: text }, value: { schema: text } } },
      },
      patchStrategy: 'merge',
      patchMergeKey: 'name',
    },
  },
}

const schema: ObjectSchema = {
  type: 'object',
  name: 'test.Root',
  fields: {
    text: { schema: text },
    labels: { schema: { type: 'map', values: text } },
    items: {
      schema: { type: 'list', listType: 'map', mapKeys: ['name'], items: item },
      patchStrategy: 'merge',
      patchMergeKey: 'name',
    },
    finalizers: { schema: { type: 'list', listType: 'set', items: text }, patchStrategy: 'merge' },
    args: { schema: { type: 'list', listType: 'atomic', items: text } },
    strategy: {
      schema: {
        type: 'object',
        fields: {
          type: { schema: text },
          rolling: { schema: { type: 'object', fields: { max: { schema: text } } } },
        },
      },
      patchStrategy: 'retainKeys',
    },
    replaced: {
      schema: { type: 'object', fields: { a: { schema: text }, b: { schema: text } } },
      patchStrategy: 'replace',
    },
  },
}

const live = {
  text: 'x',
  labels: { a: '1', b: '2' },
  items: [
    { name: 'one', value: '1', env: [{ name: 'E', value: 'e' }] },
    { name: 'two', value: '2' },
    { name: 'three' },
  ],
  finalizers: ['f1', 'f2'],
  args: ['a', 'b'],
  strategy: { type: 'Rolling', rolling: { max: '1' } },
  replaced: { a: '1' },
}

function patched(patch: JsonValue): JsonValue {
  return applyStrategicMergePatch(deepFreeze(live), deepFreeze(patch), schema)
}

test('applyStrategicMergePatch merges by type', () => {
  const rows: readonly (readonly [string, JsonValue, JsonValue])[] = [
    [
      'scalars and maps',
      { text: 'y', labels: { b: null, c: '3' } },
      { ...live, text: 'y', labels: { a: '1', c: '3' } },
    ],
    ['atomic lists are replaced', { args: ['c'] }, { ...live, args: ['c'] }],
    [
      'items merge by key; new ones follow what the patch names before them',
      { items: [{ name: 'two', value: 'II' }, { name: 'four' }] },
      { ...live, items: [live.items[0]!, { name: 'two', value: 'II' }, { name: 'four' }, { name: 'three' }] },
    ],
    [
      'nested lists merge too; without an order in common new items come first',
      { items: [{ name: 'one', env: [{ name: 'F', value: 'f' }] }] },
      {
        ...live,
        items: [
          {
            ...live.items[0]!,
            env: [
              { name: 'F', value: 'f' },
              { name: 'E', value: 'e' },
            ],
          },
          live.items[1]!,
          live.items[2]!,
        ],
      },
    ],
    [
      '$patch: delete removes an item',
      { items: [{ name: 'two', $patch: 'delete' }] },
      { ...live, items: [live.items[0]!, live.items[2]!] },
    ],
    [
      '$patch: replace in a list',
      { items: [{ name: 'new' }, { $patch: 'replace' }] },
      { ...live, items: [{ name: 'new' }] },
    ],
    [
      '$patch: replace in an object',
      { labels: { $patch: 'replace', z: '26' } },
      { ...live, labels: { z: '26' } },
    ],
    ['$patch: delete in an object', { labels: { $patch: 'delete' } }, { ...live, labels: {} }],
    ['scalars in a set', { finalizers: ['f3', 'f1'] }, { ...live, finalizers: ['f3', 'f1', 'f2'] }],
    [
      '$deleteFromPrimitiveList',
      { '$deleteFromPrimitiveList/finalizers': ['f1'] },
      { ...live, finalizers: ['f2'] },
    ],
    [
      '$setElementOrder orders items',
      { '$setElementOrder/items': [{ name: 'two' }, { name: 'one' }], items: [{ name: 'one', value: 'I' }] },
      { ...live, items: [{ name: 'two', value: '2' }, { ...live.items[0]!, value: 'I' }, { name: 'three' }] },
    ],
    [
      '$setElementOrder without content',
      { '$setElementOrder/finalizers': ['f2', 'f1'] },
      { ...live, finalizers: ['f2', 'f1'] },
    ],
    [
      '$retainKeys clears the rest',
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { ...live, strategy: { type: 'Recreate' } },
    ],
    ['replace strategy', { replaced: { b: '2' } }, { ...live, replaced: { b: '2' } }],
    ['null removes a list', { items: null }, { ...live, items: undefined! }],
  ]
  for (const [name, patch, result] of rows) {
    assert.deepEqual(patched(patch), JSON.parse(JSON.stringify(result)), name)
  }
})

test('applyStrategicMergePatch drops nulls and directives from what is new', () => {
  assert.deepEqual(
    applyStrategicMergePatch(
      {},
      { labels: { a: null, b: '1' }, items: [{ name: 'x', $patch: 'delete' }, { name: 'y' }] },
      schema,
    ),
    { labels: { b: '1' }, items: [{ name: 'y' }] },
  )
})

test('applyStrategicMergePatch complains in upstream words', () => {
  const rows: readonly (readonly [JsonValue, number, string])[] = [
    [{ items: [{ value: 'x' }] }, 500, 'map: map[value:x] does not contain declared merge key: name'],
    [{ items: ['x'] }, 500, 'list element types are not identical'],
    [{ labels: { $patch: 'odd' } }, 500, 'unknown patch type: odd in map: map[$patch:odd]'],
    [
      { strategy: { $retainKeys: ['type'], rolling: { max: '2' } } },
      400,
      'invalid patch format of retainKeys',
    ],
    [{ $setElementOrder: ['x'] }, 400, 'invalid patch format of setElementOrder list'],
    [
      { '$setElementOrder/items': [{ name: 'one' }], items: [{ name: 'two' }] },
      500,
      "The order in patch list:\n[map[name:two]]\n doesn't match $setElementOrder list:\n[map[name:one]]\n",
    ],
    [{ items: [['x']] }, 422, 'the server rejected our request due to an error in our request'],
  ]
  for (const [patch, code, message] of rows) {
    assert.throws(
      () => patched(patch),
      (error) =>
        error instanceof PatchError &&
        (assert.equal(error.status.code, code),
        assert.ok(error.message.startsWith(message), error.message),
        true),
    )
  }
})

test('createTwoWayMergePatch speaks as kubectl does', () => {
  const modified = {
    ...live,
    labels: { a: '1' },
    items: [{ name: 'two', value: 'II' }, { name: 'new' }, { name: 'three' }],
    finalizers: ['f2', 'f3'],
    strategy: { type: 'Recreate' },
  }
  assert.deepEqual(createTwoWayMergePatch(live, modified, schema), {
    labels: { b: null },
    items: [{ name: 'two', value: 'II' }, { name: 'new' }, { name: 'one', $patch: 'delete' }],
    '$setElementOrder/items': [{ name: 'two' }, { name: 'new' }, { name: 'three' }],
    finalizers: ['f3'],
    '$deleteFromPrimitiveList/finalizers': ['f1'],
    '$setElementOrder/finalizers': ['f2', 'f3'],
    strategy: { $retainKeys: ['type'], type: 'Recreate', rolling: null },
  })
  assert.deepEqual(createTwoWayMergePatch(live, live, schema), {})
  assert.deepEqual(createTwoWayMergePatch({ items: [{ name: 'x' }] }, { items: [] }, schema), {
    items: [{ name: 'x', $patch: 'delete' }],
  })
})

const name = fc.constantFrom('a', 'b', 'c', 'd')
const items = fc.uniqueArray(
  fc.record({ name, value: name }, { requiredKeys: ['name'], noNullPrototype: true }),
  { selector: (value) => value.name, minLength: 1 },
)
const documents = fc.record(
  {
    text: name,
    labels: fc.dictionary(name, name, { noNullPrototype: true }),
    items,
    finalizers: fc.uniqueArray(name, { minLength: 1 }),
    args: fc.array(name),
    strategy: fc.record(
      { type: name, rolling: fc.record({ max: name }, { noNullPrototype: true }) },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
)

test('createTwoWayMergePatch turns one document into another', () => {
  fc.assert(
    fc.property(documents, documents, (original, modified) => {
      const patch = createTwoWayMergePatch(original, modified, schema)
      assert.deepEqual(applyStrategicMergePatch(original, patch, schema), modified)
    }),
  )
})
