import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { Correlation } from './correlation.ts'
import { validateValue } from './value-validator.ts'

function specOf(
  properties: Readonly<Record<string, JSONSchemaProps>>,
  more: JSONSchemaProps = {},
): JSONSchemaProps {
  return { type: 'object', properties: { spec: { type: 'object', properties, ...more } } }
}

const rows: readonly (readonly [string, JSONSchemaProps, unknown, readonly string[]])[] = [
  ['a value of the type', { type: 'integer' }, 3, []],
  [
    'another type',
    { type: 'integer' },
    'x',
    ['spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"'],
  ],
  [
    'a fraction for an integer',
    { type: 'integer' },
    1.5,
    [
      'spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.x',
    ],
  ],
  ['a whole number for a number', { type: 'number' }, 3, []],
  [
    'null',
    { type: 'string' },
    null,
    ['spec.x: Invalid value: "null": spec.x in body must be of type string: "null"'],
  ],
  ['null where it may be', { type: 'string', nullable: true }, null, []],
  [
    'none of the values',
    { type: 'string', enum: ['a', 'b'] },
    'c',
    ['spec.x: Unsupported value: "c": supported values: "a", "b"'],
  ],
  [
    'none of the objects, whose keys are shown in order',
    { type: 'object', enum: [{ a: 1 }] },
    { b: { d: 1, c: 2 }, a: 3 },
    ['spec.x: Unsupported value: {"a":3,"b":{"c":2,"d":1}}: supported values: "{\\"a\\":1}"'],
  ],
  [
    'a text that is too long',
    { type: 'string', maxLength: 2 },
    'abc',
    ['spec.x: Too long: may not be more than 2 bytes'],
  ],
  [
    'a text that is too short',
    { type: 'string', minLength: 2 },
    'a',
    ['spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long'],
  ],
  [
    'a text without the pattern',
    { type: 'string', pattern: '^a+$' },
    'b',
    ['spec.x: Invalid value: "b": spec.x in body should match \'^a+$\''],
  ],
  [
    'a text without the format',
    { type: 'string', format: 'ipv4' },
    'b',
    ['spec.x: Invalid value: "b": spec.x in body must be of type ipv4: "b"'],
  ],
  ['a format that is unknown', { type: 'string', format: 'whatever' }, 'b', []],
  ['a date and time', { type: 'string', format: 'date-time' }, '2026-01-02T03:04:05Z', []],
  [
    'a number below the minimum',
    { type: 'integer', minimum: 1 },
    0,
    ['spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1'],
  ],
  [
    'a number at the excluded maximum',
    { type: 'integer', maximum: 5, exclusiveMaximum: true },
    5,
    ['spec.x: Invalid value: 5: spec.x in body should be less than 5'],
  ],
  [
    'no multiple',
    { type: 'integer', multipleOf: 3 },
    5,
    ['spec.x: Invalid value: 5: spec.x in body should be a multiple of 3'],
  ],
  [
    'an int32 that is none',
    { type: 'integer', format: 'int32' },
    2 ** 31,
    ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.x'],
  ],
  [
    'too many items',
    { type: 'array', maxItems: 1, items: { type: 'string' } },
    ['a', 'b'],
    ['spec.x: Too many: 2: must have at most 1 item'],
  ],
  [
    'items',
    { type: 'array', items: { type: 'string' } },
    ['a', 1],
    ['spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"'],
  ],
  [
    'entries',
    { type: 'object', additionalProperties: { type: 'integer' } },
    { a: 'x' },
    ['spec.x.a: Invalid value: "string": spec.x.a in body must be of type integer: "string"'],
  ],
  [
    'what is required',
    { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    {},
    ['spec.x.name: Required value'],
  ],
  ['an integer or a text', { 'x-kubernetes-int-or-string': true }, '80%', []],
  [
    'neither an integer nor a text',
    { 'x-kubernetes-int-or-string': true },
    true,
    ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"'],
  ],
  [
    'none of the alternatives',
    { type: 'object', properties: { a: {}, b: {} }, oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    {},
    [
      '<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid',
      'spec.x.a: Required value',
    ],
  ],
  [
    'what must not be',
    { type: 'string', not: { enum: ['x'] } },
    'x',
    ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)'],
  ],
]

for (const [title, schema, value, errors] of rows) {
  test(`validateValue judges ${title}`, () => {
    const found = validateValue({ spec: { x: value } }, specOf({ x: schema }))
    assert.deepEqual(found.map(fieldErrorText), errors)
  })
}

test('validateValue lets through what was wrong before and is unchanged', () => {
  const item: JSONSchemaProps = {
    type: 'object',
    properties: { name: { type: 'string' }, size: { type: 'integer', minimum: 1 } },
  }
  const schema = specOf({
    size: { type: 'integer', minimum: 1 },
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: item,
    },
  })
  const previous = { spec: { size: 0, list: [{ name: 'a', size: 0 }] } }
  const next = {
    spec: {
      size: 0,
      list: [
        { name: 'b', size: 0 },
        { name: 'a', size: 0 },
      ],
    },
  }
  const faults = validateValue(next, schema, { correlation: new Correlation(next, previous, schema) })
  assert.deepEqual(
    faults.map(({ field }) => field),
    ['spec.list[0].size'],
  )
})
