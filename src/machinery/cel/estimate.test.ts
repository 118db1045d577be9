import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCelEnvironment } from './environment.ts'
import { structuralDeclaration } from './structural-declaration.ts'
import type { StructuralSchema } from './structural-schema.ts'

type Bounded = (most?: number) => StructuralSchema

const list =
  (items: StructuralSchema): Bounded =>
  (most) => ({ type: 'array', items, ...(most !== undefined && { maxItems: most }) })
const map =
  (values: StructuralSchema): Bounded =>
  (most) => ({
    type: 'object',
    additionalProperties: values,
    ...(most !== undefined && { maxProperties: most }),
  })
const text =
  (format?: string): Bounded =>
  (most) => ({ type: 'string', ...(format && { format }), ...(most !== undefined && { maxLength: most }) })

const number: StructuralSchema = { type: 'number' }
const intOrString: StructuralSchema = { 'x-kubernetes-int-or-string': true }
const every = 'self.all(x, true)'

/** Cost without a bound, a bound, and the cost with it. Facts of apiextensions-apiserver's own tests. */
const rows: readonly (readonly [
  schema: Bounded,
  rule: string,
  cost: number,
  bound: number,
  bounded: number,
])[] = [
  [list(number), every, 4718591, 10, 32],
  [list({ type: 'string' }), every, 3145727, 20, 62],
  [list({ type: 'boolean' }), every, 1887437, 5, 17],
  [list({ type: 'array', items: number }), every, 3145727, 100, 302],
  [list(intOrString), every, 4718591, 10, 32],
  [list(intOrString), 'self[0] == 5', 3, 10, 3],
  [list(number), 'self[1] == 0.0', 2, 5000, 2],
  [list({ type: 'string' }), 'self[1] == self[1]', 314577, 8, 314577],
  [list(number), 'self.all(x, x == 0.0)', 6291454, 3 * 1024 * 2048, 25165826],
  [list({ type: 'array', items: number }), 'self[0][0] == -1.0', 3, 51, 3],
  [list({ type: 'string', format: 'duration' }), every, 2359295, 5, 17],
  [list({ type: 'string', format: 'duration' }), 'self[0].getHours() == 2', 4, 525, 4],
  [list({ type: 'string', format: 'date' }), every, 725936, 15, 47],
  [list({ type: 'string', format: 'date-time' }), every, 428963, 25, 77],
  [list({ type: 'string', format: 'date-time' }), 'self[2].getMinutes() == 45', 4, 99, 4],
  [map(number), every, 1348169, 10, 32],
  [map(number), 'self["x"] == 0.0', 2, 0, 2],
  [map({ type: 'string' }), every, 1179647, 3, 11],
  [map({ type: 'boolean' }), every, 943718, 100, 302],
  [map(intOrString), every, 1348169, 15, 47],
  [map({ type: 'string', format: 'duration' }), every, 1048577, 5, 17],
  [map({ type: 'string', format: 'date' }), every, 524288, 10, 32],
  [map({ type: 'string', format: 'date-time' }), every, 349526, 25, 77],
  [text(), "self.contains('test')", 314574, 10, 5],
  [text(), "self.startsWith('test')", 2, 15, 2],
  [text(), 'size(self + "hello") > size("hello")', 314578, 4, 7],
  [text(), 'self.matches("x")', 314574, 50, 22],
  [text(), '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7],
  [text(), 'self.matches("")', 1, 100, 1],
  [text(), "self.find('[0-9]+') == ''", 629147, 10, 11],
  [text(), 'self == "x"', 2, 0, 1],
  [text('byte'), 'self == b"x"', 2, 0, 1],
]

test('CelProgram.estimateCost bounds rules of a CustomResourceDefinition as upstream does', () => {
  for (const [schema, rule, cost, bound, bounded] of rows) {
    assert.deepEqual([rule, maxCost(schema(), rule)], [rule, cost])
    assert.deepEqual([rule, bound, maxCost(schema(bound), rule)], [rule, bound, bounded])
  }
})

function maxCost(schema: StructuralSchema, rule: string): number {
  const compilation = createCelEnvironment({ variables: { self: structuralDeclaration(schema)! } }).compile(
    rule,
  )
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  return compilation.program.estimateCost().max
}
