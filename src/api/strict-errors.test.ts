import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectSchema } from '../machinery/schema.ts'
import { strictErrorsOf } from './strict-errors.ts'

const builtIn: ObjectSchema = { type: 'object', fields: {} }
const unknown = ['spec.b', 'metadata.z', 'spec.a', 'metadata.y', 'a']

test('strictErrorsOf tells unknown fields of built-in kinds as they came, then those that stand twice', () => {
  assert.deepEqual(strictErrorsOf(builtIn, ['b', 'a'], ['duplicate field "c"']), [
    'unknown field "b"',
    'unknown field "a"',
    'duplicate field "c"',
  ])
})

test('strictErrorsOf tells those of custom resources after those that stand twice, sorted, metadata first', () => {
  assert.deepEqual(strictErrorsOf({ ...builtIn, isCustomResource: true }, unknown, ['duplicate field "c"']), [
    'duplicate field "c"',
    'unknown field "metadata.y"',
    'unknown field "metadata.z"',
    'unknown field "a"',
    'unknown field "spec.a"',
    'unknown field "spec.b"',
  ])
})
