import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeFieldSet } from './decode-field-set.ts'
import {
  difference,
  emptySet,
  fieldSetOf,
  hasPath,
  intersection,
  pathsOf,
  recursiveDifference,
  union,
  type FieldSet,
} from './field-set.ts'
import { FieldSetBuilder } from './field-set-builder.ts'
import { compareElements, keyElement, printPath, valueElement } from './path-element.ts'

const elements = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"x"', 'v:1', 'i:0')
const paths = fc.array(elements, { minLength: 1, maxLength: 4 })
const sets = fc.array(paths, { maxLength: 8 }).map((list) => fieldSetOf(...list))

const texts = (set: FieldSet) => new Set(pathsOf(set).map((path) => path.join(' ')))

test('operations on field sets are those on sets of paths', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      assert.deepEqual(texts(union(a, b)), texts(a).union(texts(b)))
      assert.deepEqual(texts(intersection(a, b)), texts(a).intersection(texts(b)))
      assert.deepEqual(texts(difference(a, b)), texts(a).difference(texts(b)))
      const removed = [...texts(b)]
      assert.deepEqual(
        texts(recursiveDifference(a, b)),
        new Set(
          [...texts(a)].filter((path) => !removed.some((prefix) => `${path} `.startsWith(`${prefix} `))),
        ),
      )
      for (const path of pathsOf(a)) assert.ok(hasPath(a, path))
    }),
  )
})

test('operations that change nothing answer with their argument', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      const both = union(a, b)
      assert.equal(union(both, a), both)
      assert.equal(union(both, b), both)
      const rest = difference(a, b)
      assert.equal(difference(rest, b), rest)
      const recursiveRest = recursiveDifference(a, b)
      assert.equal(recursiveDifference(recursiveRest, b), recursiveRest)
    }),
  )
})

test('sets have one form however they come about', () => {
  fc.assert(
    fc.property(fc.array(paths), (list) => {
      const builder = new FieldSetBuilder()
      for (const path of list) path.reduce((node, element) => node.child(element), builder).add()
      const set = fieldSetOf(...list)
      assert.equal(JSON.stringify(builder.build()), JSON.stringify(set))
      assert.equal(decodeFieldSet(set), set)
      assert.deepEqual(decodeFieldSet(JSON.parse(JSON.stringify(set)) as FieldSet), set)
    }),
  )
})

test('decodeFieldSet puts foreign trees into the canonical form', () => {
  const foreign = {
    'f:b': {},
    'x:unknown': {},
    'k:{ "port": 80, "name":"a" }': { 'f:port': {}, '.': {} },
    'f:a': { '.': {} },
    'v:"<"': {},
  }
  assert.equal(
    JSON.stringify(decodeFieldSet(foreign)),
    '{"f:a":{},"f:b":{},"k:{\\"name\\":\\"a\\",\\"port\\":80}":{".":{},"f:port":{}},"v:\\"\\\\u003c\\"":{}}',
  )
  assert.throws(() => decodeFieldSet({ nonsense: {} }), { message: 'missing colon: nonsense' })
  assert.throws(() => decodeFieldSet({ 'k:{': {} }))
  assert.deepEqual(decodeFieldSet({}), emptySet)
})

test('elements are ordered and printed as upstream', () => {
  const ordered = [
    'f:a',
    'f:b',
    keyElement([['name', 'a']]),
    keyElement([['name', 'ab']]),
    'v:2',
    'v:10',
    valueElement('a'),
    'i:3',
  ]
  assert.deepEqual(ordered.toReversed().sort(compareElements), ordered)
  assert.equal(
    printPath([
      'f:spec',
      'f:ports',
      keyElement([
        ['port', 80],
        ['protocol', 'TCP'],
      ]),
      'f:name',
    ]),
    '.spec.ports[port=80,protocol="TCP"].name',
  )
  assert.equal(printPath(['f:finalizers', valueElement('a"b'), 'i:2']), '.finalizers[="a\\"b"][2]')
})
