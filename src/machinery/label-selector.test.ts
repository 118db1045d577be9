import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  andLabelSelectors,
  formatLabelSelector,
  fromLabels,
  fromLabelSelector,
  matchesLabels,
  parseLabelSelector,
  requiredLabelValue,
  toLabelSelector,
  type Labels,
} from './label-selector.ts'

test('parseLabelSelector and formatLabelSelector give the canonical text', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', ''],
    ['x=a,y=b,z=c', 'x=a,y=b,z=c'],
    ['x!=a,y=b', 'x!=a,y=b'],
    ['x=', 'x='],
    ['x= ,z= ', 'x=,z='],
    ['!x', '!x'],
    [' ! x ', '!x'],
    ['x>1,z<5', 'x>1,z<5'],
    ['x==a', 'x==a'],
    ['z,a', 'a,z'],
    ['x in (b,a,b)', 'x in (a,b)'],
    ['x in ()', 'x in ()'],
    ['x in (,a)', 'x in (,a)'],
    ['x in (a,,b),y notin ( c )', 'x in (,a,b),y notin (c)'],
    ['x in (in,notin)', 'x in (in,notin)'],
    ['notin=in', 'notin=in'],
    ['in', 'in'],
    ['in in (in)', 'in in (in)'],
    ['x\t\n=\ra', 'x=a'],
  ]
  for (const [text, canonical] of rows) {
    assert.equal(formatLabelSelector(parseLabelSelector(text)), canonical, text)
  }
})

test('parseLabelSelector complains in upstream words', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['x=a||y=b', 'unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be'],
    ['x==a==b', "found '==', expected: ',' or 'end of string'"],
    ['!x=a', "found '=', expected: ',' or 'end of string'"],
    [
      'x<a',
      "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['x a', "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt"],
    ['x,', "found '', expected: identifier after ','"],
    [',x', "found ',', expected: !, identifier, or 'end of string'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['x in a', "unable to parse requirement: found 'a' expected: '('"],
    ['x in (', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['x in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['x in (a,', "unable to parse requirement: found '', expected: ',', or identifier"],
    ['x in (a b)', "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ['x=(', "unable to parse requirement: found '(', expected: identifier"],
    ['-x', 'unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of'],
  ]
  for (const [text, message] of rows) {
    assert.throws(
      () => parseLabelSelector(text),
      (error: Error) => error.message.startsWith(message) || assert.fail(error.message),
      text,
    )
  }
})

test('matchesLabels follows each operator', () => {
  const rows: readonly (readonly [string, Labels, boolean])[] = [
    ['', undefined, true],
    ['x=y', { x: 'y' }, true],
    ['x=y', {}, false],
    ['x=y,z=w', { x: 'w', z: 'w' }, false],
    ['x!=y,z!=w', { x: 'z' }, true],
    ['x', { x: '' }, true],
    ['x', undefined, false],
    ['!x', { y: 'z' }, true],
    ['toString', {}, false],
    ['x in (a,b)', { x: 'b' }, true],
    ['x notin (a,b)', {}, true],
    ['x notin (a,b)', { x: 'b' }, false],
    ['x>1', { x: '2' }, true],
    ['x>1', { x: 'many' }, false],
    ['x>1', {}, false],
  ]
  for (const [text, labels, matches] of rows) {
    assert.equal(
      matchesLabels(parseLabelSelector(text), labels),
      matches,
      `${text} ${JSON.stringify(labels)}`,
    )
  }
})

test('fromLabelSelector reads the structured form', () => {
  const selector = {
    matchLabels: { b: '1', a: '2' },
    matchExpressions: [
      { key: 'c', operator: 'NotIn' as const, values: ['y', 'x'] },
      { key: 'd', operator: 'DoesNotExist' as const },
    ],
  }
  const parsed = fromLabelSelector(selector)
  assert.equal(formatLabelSelector(parsed), 'a=2,b=1,c notin (x,y),!d')
  assert.equal(fromLabelSelector(selector), parsed)
  assert.equal(matchesLabels(fromLabelSelector(undefined), {}), false)
  assert.equal(matchesLabels(fromLabelSelector({}), {}), true)
  assert.throws(() => fromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like' as 'In' }] }), {
    message: '"Like" is not a valid label selector operator',
  })
  assert.throws(() => fromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] }), {
    message: "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
  })
})

test('selectors combine and convert', () => {
  const both = andLabelSelectors(fromLabels({ b: 'c' }), parseLabelSelector('a'))
  assert.equal(formatLabelSelector(both), 'a,b=c')
  assert.equal(requiredLabelValue(both, 'b'), 'c')
  assert.equal(requiredLabelValue(both, 'a'), undefined)
  assert.deepEqual(toLabelSelector('a=b,c in (d),!e'), {
    matchLabels: { a: 'b' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['d'] },
      { key: 'e', operator: 'DoesNotExist' },
    ],
  })
  assert.throws(() => toLabelSelector('a>1'), { message: '"gt" isn\'t supported in label selectors' })
})

const word = fc.stringMatching(/^[a-z0-9]{1,4}$/)

test('the text form is read back as it was', () => {
  const requirement = fc.oneof(
    fc
      .tuple(word, fc.constantFrom('=', '!=', '=='), fc.option(word, { nil: '' }))
      .map((parts) => parts.join('')),
    fc
      .tuple(word, fc.constantFrom('in', 'notin'), fc.array(word, { minLength: 1 }))
      .map(([key, operator, values]) => `${key} ${operator} (${values.join(',')})`),
    word,
    word.map((key) => `!${key}`),
  )
  fc.assert(
    fc.property(fc.array(requirement), (requirements) => {
      const parsed = parseLabelSelector(requirements.join(','))
      assert.deepEqual(parseLabelSelector(formatLabelSelector(parsed)), parsed)
    }),
  )
})
