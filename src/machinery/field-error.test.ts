import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as field from './field-error.ts'

test('FieldPath prints names with dots, indexes and keys in brackets', () => {
  const ports = field.path('spec', 'template').child('spec', 'containers').index(0).child('ports').key('http')
  assert.equal(ports.toString(), 'spec.template.spec.containers[0].ports[http]')
  assert.equal(field.path('').toString(), '[]')
  assert.equal(field.path('metadata').child('labels').key('a.b/c').toString(), 'metadata.labels[a.b/c]')
})

test('field errors render as upstream', () => {
  const at = field.path('spec').child('x')
  const rows: readonly (readonly [field.FieldError, string])[] = [
    [field.required(at), 'spec.x: Required value'],
    [field.required(at, 'must be set'), 'spec.x: Required value: must be set'],
    [field.invalid(at, 'a"b', 'bad'), 'spec.x: Invalid value: "a\\"b": bad'],
    [field.invalid(at, 3, 'bad'), 'spec.x: Invalid value: 3: bad'],
    [field.invalid(at, true, 'bad'), 'spec.x: Invalid value: true: bad'],
    [field.invalid(at, null), 'spec.x: Invalid value: null'],
    [field.invalid(at, undefined, 'bad'), 'spec.x: Invalid value: null: bad'],
    [field.invalid(at, { a: ['<'] }, 'bad'), 'spec.x: Invalid value: {"a":["\\u003c"]}: bad'],
    [field.typeInvalid(at, 'x', 'must be integer'), 'spec.x: Invalid value: "x": must be integer'],
    [field.duplicate(at, 'x'), 'spec.x: Duplicate value: "x"'],
    [field.notFound(at, 'x'), 'spec.x: Not found: "x"'],
    [field.notSupported(at, 'x', ['A', 'B']), 'spec.x: Unsupported value: "x": supported values: "A", "B"'],
    [field.notSupported(at, 'x'), 'spec.x: Unsupported value: "x"'],
    [field.forbidden(at, 'no'), 'spec.x: Forbidden: no'],
    [field.tooLong(at, 'v', 63), 'spec.x: Too long: may not be more than 63 bytes'],
    [field.tooLong(at, 'v', 1), 'spec.x: Too long: may not be more than 1 byte'],
    [field.tooLong(at, 'v', -1), 'spec.x: Too long: value is too long'],
    [field.tooLongCharacters(at, 'v', 5), 'spec.x: Too long: may not be more than 5 characters'],
    [field.tooShort(at, 'v', 2), 'spec.x: Too short: must be at least 2 characters'],
    [field.tooMany(at, 5, 3), 'spec.x: Too many: 5: must have at most 3 items'],
    [field.tooMany(at, -1, 1), 'spec.x: Too many: must have at most 1 item'],
    [field.tooFew(at, 0, 1), 'spec.x: Too few: 0: must have at least 1 item'],
    [field.internalError(at, new Error('e')), 'spec.x: Internal error: e'],
    [field.required(undefined, 'root'), '<nil>: Required value: root'],
  ]
  for (const [error, text] of rows) assert.equal(field.fieldErrorText(error), text)
})

test('aggregateFieldErrors joins in brackets and drops repetitions', () => {
  const one = field.required('a')
  const two = field.forbidden('b', 'no')
  assert.equal(field.aggregateFieldErrors([one]), 'a: Required value')
  assert.equal(field.aggregateFieldErrors([one, one]), 'a: Required value')
  assert.equal(field.aggregateFieldErrors([one, two, one]), '[a: Required value, b: Forbidden: no]')
})
