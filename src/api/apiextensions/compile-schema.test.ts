import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../decode.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { compileResourceSchema } from './compile-schema.ts'

const properties: Readonly<Record<string, JSONSchemaProps>> = {
  known: { type: 'object', properties: { a: { type: 'string' } } },
}
const sent = { known: { a: 'x', b: 'y' }, text: 'z', list: [1, { c: 2 }], other: { d: { e: 1 } } }

const rows: readonly (readonly [string, JSONSchemaProps, unknown, readonly string[]])[] = [
  [
    'prunes what is not declared',
    { type: 'object', properties },
    { known: { a: 'x' } },
    ['spec.known.b', 'spec.text', 'spec.list', 'spec.other'],
  ],
  [
    'keeps what is not declared where unknown fields are preserved',
    { type: 'object', properties, 'x-kubernetes-preserve-unknown-fields': true },
    { ...sent, known: { a: 'x' } },
    ['spec.known.b'],
  ],
  [
    'keeps keys, but no fields of what they hold, beside properties that additionalProperties allows',
    { type: 'object', properties, additionalProperties: true },
    { known: { a: 'x' }, text: 'z', list: [1, {}], other: {} },
    ['spec.known.b', 'spec.list[1].c', 'spec.other.d'],
  ],
]

for (const [title, spec, expected, unknown] of rows) {
  test(`compileResourceSchema ${title}`, () => {
    const found: string[] = []
    const schema = compileResourceSchema({ type: 'object', properties: { spec } })
    const decoded = decode({ spec: sent }, schema, { onUnknownField: (path) => found.push(path) })
    assert.deepEqual((decoded as { readonly spec: unknown }).spec, expected)
    assert.deepEqual(found, unknown)
  })
}
