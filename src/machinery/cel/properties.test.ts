import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CelBudget } from './budget.ts'
import { dynDeclaration, intDeclaration, listDeclaration, stringDeclaration } from './declaration.ts'
import { createCelEnvironment } from './environment.ts'

const environment = createCelEnvironment({
  variables: {
    object: dynDeclaration,
    text: stringDeclaration,
    count: intDeclaration,
    items: listDeclaration(intDeclaration),
  },
})

/** Expressions that mostly parse, and sometimes have sense. */
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'object',
      'text',
      'count',
      'items',
      'x',
      '1',
      '0',
      '-5',
      '2u',
      '1.5',
      "'a'",
      'true',
      'null',
      '[]',
      '{}',
    ),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', 'in', '&&', '||'),
        tie('expression'),
      )
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter'),
        tie('expression'),
      )
      .map(([range, macro, body]) => `${range}.${macro}(x, ${body})`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('spec', 'name', '?spec', 'size()', 'sort()', 'orValue(1)', 'hasValue()'),
      )
      .map(([a, field]) => `${a}.${field}`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, index]) => `${a}[${index}]`),
    fc
      .tuple(
        fc.constantFrom(
          'size',
          'string',
          'int',
          'double',
          'type',
          'dyn',
          'quantity',
          'url',
          'ip',
          'duration',
          'optional.of',
        ),
        tie('expression'),
      )
      .map(([name, argument]) => `${name}(${argument})`),
    fc.array(tie('expression'), { maxLength: 3 }).map((elements) => `[${elements.join(', ')}]`),
    tie('expression').map((value) => `{'name': ${value}}`),
  ),
}))

const object = fc.jsonValue({ maxDepth: 3 })
const limit = 10_000

test('CelEnvironment.compile and CelProgram.evaluate have an answer to anything, within the cost allowed', () => {
  fc.assert(
    fc.property(expression, object, (text, object) => {
      const compilation = environment.compile(text)
      if (!compilation.ok) return
      const variables = { object, text: 'some text', count: 3, items: [3, 1, 2] }
      const outcome = compilation.program.evaluate(variables, new CelBudget(), { perCallLimit: limit })
      const { min, max } = compilation.program.estimateCost()
      assert.ok(min <= max)
      if ('value' in outcome) assert.ok(outcome.cost <= limit)
    }),
    { numRuns: 2000 },
  )
})

test('CelEnvironment.compile names a place for whatever text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const compilation = environment.compile(text)
      if (compilation.ok || compilation.reason !== 'issues') return
      assert.ok(compilation.issues.length > 0)
      assert.match(compilation.text, /^ERROR: <input>:/)
    }),
    { numRuns: 2000 },
  )
})

test('CelProgram.evaluate reads back the string literals that strings.quote writes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const quoted = valueOf('strings.quote(text)', { text })
      assert.equal(valueOf(String(quoted), {}), text)
    }),
  )
})

test('CelProgram.evaluate takes time linear in the text for patterns that blow up elsewhere', () => {
  const text = `${'a'.repeat(20_000)}b`
  assert.equal(valueOf(String.raw`text.matches('(a+)+$')`, { text }), false)
  assert.equal(valueOf(String.raw`text.find('(a|a)*c')`, { text }), '')
})

function valueOf(expression: string, variables: Readonly<Record<string, unknown>>): unknown {
  const compilation = environment.compile(expression)
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  const outcome = compilation.program.evaluate(variables, new CelBudget())
  assert.ok('value' in outcome, 'error' in outcome ? outcome.error.message : '')
  return outcome.value
}
