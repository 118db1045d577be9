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

test('field errors print values as Go does', () => {
  const rows: readonly (readonly [what: string, value: unknown, text: string])[] = [
    ['text with %q', 'a\u0001<', '"a\\x01<"'],
    ['an integer', -5, '-5'],
    ['an integer of 64 bits', 2n ** 62n, '4611686018427387904'],
    ['a large float', 1e21, '1e+21'],
    ['a quantity as it is written', '1Gi', '"1Gi"'],
    ['a time as it is written', '2026-01-02T03:04:05Z', '"2026-01-02T03:04:05Z"'],
    ['either kind of IntOrString', '25%', '"25%"'],
    ['a nil pointer, slice or map', undefined, 'null'],
    ['an empty slice', [], '[]'],
    ['a slice', ['a', '<'], '["a","\\u003c"]'],
    [
      'a struct, with what is not set',
      { Path: '/x', Verb: '', Extra: null },
      '{"Path":"/x","Verb":"","Extra":null}',
    ],
  ]
  for (const [what, value, text] of rows) {
    for (const [error, word] of [
      [field.invalid('f', value), 'Invalid value'],
      [field.duplicate('f', value), 'Duplicate value'],
      [field.notSupported('f', value), 'Unsupported value'],
      [field.notFound('f', value), 'Not found'],
      [field.typeInvalid('f', value), 'Invalid value'],
    ] as const)
      assert.equal(error.message, `${word}: ${text}`, what)
  }
})

test('aggregateFieldErrors joins in brackets and drops repetitions', () => {
  const one = field.required('a')
  const two = field.forbidden('b', 'no')
  assert.equal(field.aggregateFieldErrors([one]), 'a: Required value')
  assert.equal(field.aggregateFieldErrors([one, one]), 'a: Required value')
  assert.equal(field.aggregateFieldErrors([one, two, one]), '[a: Required value, b: Forbidden: no]')
})
