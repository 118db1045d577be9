import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { Correlation } from './correlation.ts'
import { RuleSet } from './rule-set.ts'

type Rule = NonNullable<JSONSchemaProps['x-kubernetes-validations']>[number]

function aSchema(...rules: readonly Rule[]): JSONSchemaProps {
  return {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        'x-kubernetes-validations': rules,
        properties: {
          min: { type: 'integer' },
          max: { type: 'integer' },
          name: { type: 'string', maxLength: 20 },
          tags: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  }
}

function texts(schema: JSONSchemaProps, value: unknown, previous?: unknown): readonly string[] {
  const rules = RuleSet.of(schema, { isResourceRoot: true })!
  const correlation = previous === undefined ? {} : { correlation: new Correlation(value, previous, schema) }
  return rules.validate(value, previous, correlation).errors.map(fieldErrorText)
}

const ordered: Rule = { rule: 'self.min <= self.max' }
const rows: readonly {
  readonly title: string
  readonly schema: JSONSchemaProps
  readonly value: unknown
  readonly previous?: unknown
  readonly errors: readonly string[]
}[] = [
  { title: 'a rule that holds', schema: aSchema(ordered), value: { spec: { min: 1, max: 2 } }, errors: [] },
  {
    title: 'a rule that does not hold',
    schema: aSchema(ordered),
    value: { spec: { min: 3, max: 2 } },
    errors: ['spec: Invalid value: failed rule: self.min <= self.max'],
  },
  {
    title: 'message, fieldPath and reason',
    schema: aSchema({
      ...ordered,
      message: 'min over max',
      fieldPath: '.min',
      reason: 'FieldValueForbidden',
    }),
    value: { spec: { min: 3, max: 2 } },
    errors: ['spec.min: Forbidden: min over max'],
  },
  {
    title: 'messageExpression',
    schema: aSchema({ ...ordered, messageExpression: '"min is " + string(self.min)' }),
    value: { spec: { min: 3, max: 2 } },
    errors: ['spec: Invalid value: min is 3'],
  },
  {
    title: 'a field that is not there',
    schema: aSchema(ordered),
    value: { spec: { min: 3 } },
    errors: ['spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max'],
  },
  {
    title: 'a transition rule without something before',
    schema: aSchema({ rule: 'self.name == oldSelf.name' }),
    value: { spec: { name: 'a' } },
    errors: [],
  },
  {
    title: 'a transition rule',
    schema: aSchema({ rule: 'self.name == oldSelf.name', message: 'name is immutable' }),
    value: { spec: { name: 'a' } },
    previous: { spec: { name: 'b' } },
    errors: ['spec: Invalid value: name is immutable'],
  },
  {
    title: 'an optional oldSelf that is none',
    schema: aSchema({
      rule: 'oldSelf.hasValue() || self.min == 0',
      optionalOldSelf: true,
      message: 'must begin at 0',
    }),
    value: { spec: { min: 1 } },
    errors: ['spec: Invalid value: must begin at 0'],
  },
  {
    title: 'what was wrong before and is the same',
    schema: aSchema(ordered),
    value: { spec: { min: 3, max: 2 } },
    previous: { spec: { min: 3, max: 2 } },
    errors: [],
  },
  {
    title: 'the name of the object at the root',
    schema: {
      type: 'object',
      'x-kubernetes-validations': [{ rule: 'self.metadata.name.startsWith("ok-")' }],
    },
    value: { apiVersion: 'a/v1', kind: 'B', metadata: { name: 'no' } },
    errors: ['<nil>: Invalid value: failed rule: self.metadata.name.startsWith("ok-")'],
  },
]

for (const { title, schema, value, previous, errors } of rows) {
  test(`RuleSet evaluates ${title}`, () => assert.deepEqual(texts(schema, value, previous), errors))
}
