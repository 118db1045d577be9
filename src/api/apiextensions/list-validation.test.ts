import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { validateLists } from './list-validation.ts'

const items: JSONSchemaProps = {
  type: 'object',
  properties: { a: { type: 'string' }, b: { type: 'string' } },
}
const listOf = (more: JSONSchemaProps): JSONSchemaProps => ({
  type: 'object',
  properties: { list: { type: 'array', items, ...more } },
})
const mapKeys = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['b', 'a'] }

const rows: readonly (readonly [
  what: string,
  JSONSchemaProps,
  list: readonly unknown[],
  ...faults: string[],
])[] = [
  [
    'items of a set that are the same',
    { 'x-kubernetes-list-type': 'set' },
    [
      { b: '1', a: '2' },
      { a: '2', b: '1' },
    ],
    'list[1]: Duplicate value: {"a":"2","b":"1"}',
  ],
  [
    'items with the same keys',
    mapKeys,
    [
      { b: '1', a: '2' },
      { a: '2', b: '1' },
    ],
    'list[1]: Duplicate value: {"a":"2","b":"1"}',
  ],
  [
    'an item that is none',
    mapKeys,
    [[{ b: '1', a: '2' }]],
    'list[0]: Invalid value: [{"a":"2","b":"1"}]: must be an object for an array of list-type map',
  ],
]

for (const [what, more, list, ...faults] of rows)
  test(`validateLists shows ${what}, with keys in order`, () => {
    assert.deepEqual(validateLists({ list }, listOf(more)).map(fieldErrorText), faults)
  })
