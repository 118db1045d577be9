import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../../machinery/field-error.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import { validateSelection } from './workload.ts'

const mismatch = (labels: string) =>
  `spec.template.metadata.labels: Invalid value: ${labels}: \`selector\` does not match template \`labels\``

const rows: readonly (readonly [
  LabelSelector | undefined,
  Record<string, string> | undefined,
  readonly string[],
])[] = [
  [{ matchLabels: { app: 'a' } }, { app: 'a', tier: 'b' }, []],
  [{ matchLabels: { app: 'a' } }, { app: 'b' }, [mismatch('{"app":"b"}')]],
  [undefined, { app: 'a' }, ['spec.selector: Required value', mismatch('{"app":"a"}')]],
  [undefined, undefined, ['spec.selector: Required value', mismatch('null')]],
]

for (const [selector, labels, expected] of rows) {
  test(`validateSelection: ${JSON.stringify(selector)} over ${JSON.stringify(labels)}`, () => {
    const template = { metadata: { ...(labels && { labels }) } }
    const errors = validateSelection({ selector, template }, path('spec'), 'deployment', () => [])
    assert.deepEqual(errors.map(fieldErrorText), expected)
  })
}
