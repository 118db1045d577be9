import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '../meta.ts'
import type { ObjectSchema, Schema } from '../schema.ts'
import { fieldSetOf, recursiveDifference } from './field-set.ts'
import {
  ManagedValue,
  printConflicts,
  type ManagedValueOptions,
  type Versions,
} from './testing/managed-value.ts'

/** What structured-merge-diff's own tests hold true, as histories of one value. Source: its folder merge. */

const text: Schema = { type: 'string' }
const number: Schema = { type: 'integer' }

function struct(fields: Readonly<Record<string, Schema>>, rest: Partial<ObjectSchema> = {}): ObjectSchema {
  const entries = Object.entries(fields).map(([name, schema]) => [name, { schema }] as const)
  return { type: 'object', fields: Object.fromEntries(entries), ...rest }
}

function listOf(items: Schema, mapKeys?: readonly string[]): Schema {
  return { type: 'list', items, ...(mapKeys ? { listType: 'map', mapKeys } : { listType: 'set' }) }
}

const item = struct({ name: text, value: number, inner: listOf(text) })
const nestedItem = struct({ name: text, items: listOf(item, ['name']), map: { type: 'map', values: text } })

const portItem: ObjectSchema = {
  type: 'object',
  fields: { port: { schema: number }, protocol: { schema: text, default: 'TCP' }, name: { schema: text } },
}

const schema = struct({
  text,
  number,
  set: listOf(text),
  items: listOf(item, ['name']),
  nested: listOf(nestedItem, ['name']),
  ports: listOf(portItem, ['port', 'protocol']),
  map: { type: 'map', values: text },
  mapOfMaps: { type: 'map', values: { type: 'map', values: number } },
  struct: struct({ text, number, map: { type: 'map', values: text } }),
  atomicStruct: struct({ text, number }, { structType: 'atomic' }),
  atomicList: { type: 'list', items: text, listType: 'atomic' },
  atomicMap: { type: 'map', values: text, mapType: 'atomic' },
  open: { type: 'any' },
})

type Step = (live: ManagedValue) => ManagedValue

const apply =
  (manager: string, value: JsonValue, force = false): Step =>
  (live) =>
    live.apply(manager, value, { force })

const force = (manager: string, value: JsonValue): Step => apply(manager, value, true)

const update =
  (manager: string, value: JsonValue): Step =>
  (live) =>
    live.update(manager, value)

/** The apply ends in these conflicts, and changes nothing. */
const refused =
  (manager: string, value: JsonValue, ...conflicts: readonly string[]): Step =>
  (live) => {
    const outcome = live.tryApply(manager, value)
    assert.ok(!(outcome instanceof ManagedValue), 'no conflict')
    assert.deepEqual(printConflicts(outcome), conflicts)
    return live
  }

interface Scenario {
  readonly title: string
  readonly versions?: Versions
  readonly options?: ManagedValueOptions
  readonly steps: readonly Step[]
  readonly value: JsonValue
  readonly owners: Readonly<Record<string, readonly string[]>>
}

const scenarios: readonly Scenario[] = [
  {
    title: 'an item that one of two appliers gives up stays with the other',
    steps: [
      apply('one', { set: ['a', 'b'] }),
      apply('two', { set: ['b', 'c'] }),
      apply('one', { set: ['a'] }),
      apply('two', { set: ['c'] }),
    ],
    value: { set: ['a', 'c'] },
    owners: { one: ['.set[="a"]'], two: ['.set[="c"]'] },
  },
  {
    title: 'an item stays without what its former applier alone had in it',
    steps: [
      apply('one', { items: [{ name: 'a', value: 1, inner: ['x'] }] }),
      apply('two', { items: [{ name: 'a' }, { name: 'b' }] }),
      apply('one', {}),
    ],
    value: { items: [{ name: 'a' }, { name: 'b' }] },
    owners: {
      two: ['.items[name="a"]', '.items[name="b"]', '.items[name="a"].name', '.items[name="b"].name'],
    },
  },
  {
    title: 'an item goes with what an updater has put into it',
    steps: [
      apply('one', { items: [{ name: 'a' }, { name: 'b' }] }),
      update('two', { items: [{ name: 'a', value: 1 }, { name: 'b' }] }),
      apply('one', {}),
    ],
    value: {},
    owners: {},
  },
  {
    title: 'a scalar shared with an updater stays when its applier gives it up',
    steps: [
      update('two', { text: 'a' }),
      apply('one', { text: 'a', number: 1 }),
      apply('one', { number: 1 }),
    ],
    value: { text: 'a', number: 1 },
    owners: { one: ['.number'], 'update two': ['.text'] },
  },
  {
    title: 'an updater that changes a field takes it, and its applier must force it back',
    steps: [
      apply('one', { text: 'a' }),
      update('two', { text: 'b' }),
      refused('one', { text: 'a' }, 'update two .text'),
      force('one', { text: 'a' }),
    ],
    value: { text: 'a' },
    owners: { one: ['.text'] },
  },
  {
    title: 'an updater that writes the same takes nothing',
    steps: [apply('one', { text: 'a' }), update('two', { text: 'a', number: 1 })],
    value: { text: 'a', number: 1 },
    owners: { one: ['.text'], 'update two': ['.number'] },
  },
  {
    title: 'what an applier gave up to an updater is not removed by it',
    steps: [
      apply('one', { text: 'a', number: 1 }),
      update('two', { text: 'b', number: 1 }),
      apply('one', { number: 1 }),
    ],
    value: { text: 'b', number: 1 },
    owners: { one: ['.number'], 'update two': ['.text'] },
  },
  {
    title: 'conflicts are reported by manager, all of one before those of the next',
    steps: [
      apply('one', { text: 'a', map: { k: 'a' } }),
      apply('two', { number: 1 }),
      refused('three', { text: 'b', number: 2, map: { k: 'b' } }, 'one .text', 'one .map.k', 'two .number'),
    ],
    value: { text: 'a', map: { k: 'a' }, number: 1 },
    owners: { one: ['.text', '.map.k'], two: ['.number'] },
  },
  {
    title: 'force takes what differs and shares what is the same',
    steps: [apply('one', { text: 'a', number: 1 }), force('two', { text: 'a', number: 2 })],
    value: { text: 'a', number: 2 },
    owners: { one: ['.text'], two: ['.number', '.text'] },
  },
  {
    title: 'keys of maps in maps are owned one by one',
    steps: [
      apply('one', { mapOfMaps: { a: { x: 1 }, b: { y: 1 } } }),
      apply('two', { mapOfMaps: { a: { z: 1 }, c: { x: 1 } } }),
      apply('one', { mapOfMaps: { b: { y: 2 } } }),
    ],
    value: { mapOfMaps: { a: { z: 1 }, b: { y: 2 }, c: { x: 1 } } },
    owners: {
      one: ['.mapOfMaps.b', '.mapOfMaps.b.y'],
      two: ['.mapOfMaps.a', '.mapOfMaps.c', '.mapOfMaps.a.z', '.mapOfMaps.c.x'],
    },
  },
  {
    title: 'a struct goes with the last of its fields',
    steps: [apply('one', { struct: { text: 'a', number: 1 }, text: 'a' }), apply('one', { text: 'a' })],
    value: { text: 'a' },
    owners: { one: ['.text'] },
  },
  {
    title: 'a struct keeps what an updater has put into its map',
    steps: [
      apply('one', { struct: { map: { a: 'a' } } }),
      update('two', { struct: { map: { a: 'a', b: 'b' } } }),
      apply('one', {}),
    ],
    value: { struct: { map: { b: 'b' } } },
    owners: { 'update two': ['.struct.map.b'] },
  },
  {
    title: 'a struct that an updater took over wholly is not removed',
    steps: [
      apply('one', { struct: { number: 1, text: 'a' } }),
      update('two', { struct: { number: 2, text: 'b' } }),
      apply('one', {}),
    ],
    value: { struct: { number: 2, text: 'b' } },
    owners: { 'update two': ['.struct.number', '.struct.text'] },
  },
  {
    title: 'items in items go without their neighbours',
    steps: [
      apply('one', {
        nested: [
          {
            name: 'a',
            items: [
              { name: 'x', value: 1 },
              { name: 'y', value: 1 },
            ],
          },
        ],
      }),
      apply('two', { nested: [{ name: 'a', items: [{ name: 'z', value: 1 }], map: { k: 'v' } }] }),
      apply('one', { nested: [{ name: 'a', items: [{ name: 'y', value: 1 }] }] }),
    ],
    value: {
      nested: [
        {
          name: 'a',
          items: [
            { name: 'y', value: 1 },
            { name: 'z', value: 1 },
          ],
          map: { k: 'v' },
        },
      ],
    },
    owners: {
      one: [
        '.nested[name="a"]',
        '.nested[name="a"].name',
        '.nested[name="a"].items[name="y"]',
        '.nested[name="a"].items[name="y"].name',
        '.nested[name="a"].items[name="y"].value',
      ],
      two: [
        '.nested[name="a"]',
        '.nested[name="a"].name',
        '.nested[name="a"].items[name="z"]',
        '.nested[name="a"].items[name="z"].name',
        '.nested[name="a"].items[name="z"].value',
        '.nested[name="a"].map.k',
      ],
    },
  },
  {
    title: 'the last order applied wins, and others keep their places',
    steps: [
      apply('one', { set: ['a', 'b', 'c', 'd'] }),
      update('two', { set: ['a', 'x', 'b', 'c', 'y', 'd'] }),
      apply('one', { set: ['d', 'c', 'b', 'a'] }),
    ],
    value: { set: ['x', 'y', 'd', 'c', 'b', 'a'] },
    owners: {
      one: ['.set[="a"]', '.set[="b"]', '.set[="c"]', '.set[="d"]'],
      'update two': ['.set[="x"]', '.set[="y"]'],
    },
  },
  {
    title: 'an atomic value belongs as a whole to whoever changed it last',
    steps: [
      apply('one', { atomicStruct: { text: 'a' }, atomicList: ['a'], atomicMap: { a: 'a' } }),
      refused(
        'two',
        { atomicStruct: { number: 1 }, atomicList: ['b'], atomicMap: { b: 'b' } },
        'one .atomicList',
        'one .atomicMap',
        'one .atomicStruct',
      ),
      force('two', { atomicStruct: { number: 1 }, atomicList: ['b'], atomicMap: { b: 'b' } }),
    ],
    value: { atomicStruct: { number: 1 }, atomicList: ['b'], atomicMap: { b: 'b' } },
    owners: { two: ['.atomicList', '.atomicMap', '.atomicStruct'] },
  },
  {
    title: 'a key that has a default may be left out, then and later',
    steps: [
      apply('one', { ports: [{ port: 80, name: 'a' }] }),
      refused(
        'two',
        { ports: [{ port: 80, protocol: 'TCP', name: 'b' }] },
        'one .ports[port=80,protocol="TCP"].name',
      ),
      apply('two', { ports: [{ port: 80, protocol: 'UDP', name: 'b' }] }),
    ],
    value: {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, protocol: 'UDP', name: 'b' },
      ],
    },
    owners: {
      one: [
        '.ports[port=80,protocol="TCP"]',
        '.ports[port=80,protocol="TCP"].name',
        '.ports[port=80,protocol="TCP"].port',
      ],
      two: [
        '.ports[port=80,protocol="UDP"]',
        '.ports[port=80,protocol="UDP"].name',
        '.ports[port=80,protocol="UDP"].port',
        '.ports[port=80,protocol="UDP"].protocol',
      ],
    },
  },
  {
    title: 'items that an update has twice belong to it as one',
    steps: [
      apply('one', { set: ['b'] }),
      update('two', { set: ['a', 'a', 'b'] }),
      apply('one', { set: ['b', 'c'] }),
    ],
    value: { set: ['a', 'a', 'b', 'c'] },
    owners: { one: ['.set[="b"]', '.set[="c"]'], 'update two': ['.set[="a"]'] },
  },
  {
    title: 'an item that is there twice is replaced by the one that is applied',
    steps: [
      update('two', { items: [{ name: 'a', value: 1 }, { name: 'a', value: 2 }, { name: 'b' }] }),
      refused('one', { items: [{ name: 'a', value: 3 }] }, 'update two .items[name="a"]'),
      force('one', { items: [{ name: 'a', value: 3 }] }),
    ],
    value: { items: [{ name: 'a', value: 3 }, { name: 'b' }] },
    owners: {
      one: ['.items[name="a"]', '.items[name="a"].name', '.items[name="a"].value'],
      'update two': ['.items', '.items[name="b"]', '.items[name="b"].name'],
    },
  },
  {
    title: 'what may be anything is owned key by key where it is an object, as a whole where it is not',
    steps: [
      apply('one', { open: { a: { b: 1 }, c: [1, 2] } }),
      apply('two', { open: { a: { d: 1 } } }),
      apply('one', { open: { c: [2] } }),
    ],
    value: { open: { a: { d: 1 }, c: [2] } },
    owners: { one: ['.open.c'], two: ['.open.a', '.open.a.d'] },
  },
  {
    title: 'an empty map is owned as such, an empty list by nobody; others may fill them',
    steps: [apply('one', { map: {}, set: [] }), apply('two', { map: { a: 'a' }, set: ['a'] })],
    value: { map: { a: 'a' }, set: ['a'] },
    owners: { one: ['.map'], two: ['.map.a', '.set[="a"]'] },
  },
  {
    title: 'fields that nobody may own are written, and never fought over',
    options: { filter: (fields) => recursiveDifference(fields, fieldSetOf(['f:struct'], ['f:text'])) },
    steps: [
      apply('one', { text: 'a', number: 1, struct: { number: 1 } }),
      apply('two', { text: 'b', struct: { number: 2 } }),
      update('three', { text: 'c', number: 1, struct: { number: 3, text: 'c' } }),
    ],
    value: { text: 'c', number: 1, struct: { number: 3, text: 'c' } },
    owners: { one: ['.number'] },
  },
]

for (const { title, versions = { v1: schema }, options, steps, value, owners } of scenarios) {
  test(title, () => {
    const live = steps.reduce((state, step) => step(state), new ManagedValue(versions, options))
    assert.deepEqual(live.value, value)
    assert.deepEqual(live.owners(), owners)
  })
}

const granular = struct({ map: { type: 'map', values: text }, set: listOf(text), struct: struct({ text }) })
const atomic = struct({
  map: { type: 'map', values: text, mapType: 'atomic' },
  set: { type: 'list', items: text, listType: 'atomic' },
  struct: struct({ text }, { structType: 'atomic' }),
})

test('who owned something in what has become atomic owns it as a whole', () => {
  const content = { map: { a: 'a' }, set: ['a'], struct: { text: 'a' } }
  const before = new ManagedValue({ v1: granular }).apply('one', content).update('two', {
    ...content,
    map: { a: 'a', b: 'b' },
  })
  const live = before.withVersions({ v1: atomic }).apply('three', {})
  assert.deepEqual(live.owners(), { one: ['.map', '.set', '.struct'], 'update two': ['.map'] })
  assert.deepEqual(live.value, before.value)
})

test('what was atomic belongs to its owner alone until others write into it', () => {
  const before = new ManagedValue({ v1: atomic }).apply('one', { map: { a: 'a' }, set: ['a'] })
  const live = before.withVersions({ v1: granular }).apply('two', { map: { b: 'b' }, set: ['b'] })
  assert.deepEqual(live.value, { map: { a: 'a', b: 'b' }, set: ['a', 'b'] })
  assert.deepEqual(live.owners(), { one: ['.map', '.set'], two: ['.map.b', '.set[="b"]'] })
})

test('sets within maps of anything stay as they are when these become atomic', () => {
  const open = (mapType: 'granular' | 'atomic'): ObjectSchema =>
    struct({ map: { type: 'map', values: { type: 'any' }, mapType }, text })
  const before = new ManagedValue({ v1: open('granular') }).apply('one', { map: { a: 'a' } })
  const live = before.withVersions({ v1: open('atomic') }).apply('two', { text: 'a' })
  assert.deepEqual(live.owners(), { one: ['.map.a'], two: ['.text'] })
})

/** Fields of v2 have other names. */
const twoVersions: Versions = {
  v1: struct({ text, set: listOf(text) }),
  v2: struct({ words: text, bag: listOf(text) }),
}

function rename(value: JsonValue, version: string): JsonValue {
  const names = version === 'v2' ? { text: 'words', set: 'bag' } : { words: 'text', bag: 'set' }
  const entries = Object.entries((value ?? {}) as Record<string, JsonValue>)
  return Object.fromEntries(entries.map(([key, item]) => [names[key as keyof typeof names] ?? key, item]))
}

test('managers of several versions meet in the same fields', () => {
  const start = new ManagedValue(twoVersions, { convert: rename })
  const one = start.apply('one', { text: 'a', set: ['a', 'b'] })
  const two = one.apply('two', { bag: ['b', 'c'] }, { apiVersion: 'v2' })
  assert.deepEqual(two.value, { words: 'a', bag: ['a', 'b', 'c'] })
  const conflicts = two.tryApply('two', { words: 'b' }, { apiVersion: 'v2' })
  assert.ok(!(conflicts instanceof ManagedValue))
  assert.deepEqual(printConflicts(conflicts), ['one .text'])
  // Its version changes with what it applies, and what it gives up there goes here.
  const moved = two.apply('one', { bag: ['a'] }, { apiVersion: 'v2' })
  assert.deepEqual(moved.value, { bag: ['a', 'b', 'c'] })
  assert.deepEqual(moved.owners(), { 'one in v2': ['.bag[="a"]'], 'two in v2': ['.bag[="b"]', '.bag[="c"]'] })
})

test('managers of a version that is gone go, and what they had stays', () => {
  const start = new ManagedValue(twoVersions, { convert: rename })
  const both = start.apply('one', { text: 'a' }).apply('two', { bag: ['a'] }, { apiVersion: 'v2' })
  const left = both
    .withVersions({ v1: twoVersions['v1']! })
    .apply('three', { set: ['b'] }, { apiVersion: 'v1' })
  assert.deepEqual(left.value, { text: 'a', set: ['a', 'b'] })
  assert.deepEqual(left.owners(), { one: ['.text'], three: ['.set[="b"]'] })
})
