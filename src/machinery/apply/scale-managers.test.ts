import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FieldsV1, ManagedFieldsEntry } from '../meta.ts'
import { managedFieldsOfScale, managedFieldsWithScale } from './scale-managers.ts'

const time = '2020-01-01T00:00:00Z'
const paths = new Map([
  ['example.com/v1', ['spec', 'replicas']],
  ['example.com/v2', ['spec', 'size', 'count']],
  ['example.com/v3', undefined],
])

function entry(
  manager: string,
  fieldsV1: FieldsV1,
  more: Partial<ManagedFieldsEntry> = {},
): ManagedFieldsEntry {
  const apiVersion = 'example.com/v1'
  return { manager, operation: 'Apply', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1, ...more }
}

const replicas = { 'f:spec': { 'f:replicas': {} } }
const replicasAndName = { 'f:spec': { 'f:name': {}, 'f:replicas': {} } }
const ofScale = { apiVersion: 'autoscaling/v1' }

test('managedFieldsOfScale shows who owns the replicas, wherever a version has them', () => {
  const entries = [
    entry('one', replicasAndName),
    entry('two', { 'f:spec': { 'f:size': { 'f:count': {} } } }, { apiVersion: 'example.com/v2' }),
    entry('three', replicas, { apiVersion: 'example.com/v3' }),
    entry('four', replicas, { apiVersion: 'example.com/v0' }),
    entry('five', { 'f:spec': { 'f:name': {} } }),
  ]
  assert.deepEqual(managedFieldsOfScale(entries, paths), [
    entry('one', replicas, ofScale),
    entry('two', replicas, ofScale),
  ])
})

const rows: readonly {
  readonly title: string
  readonly before: readonly ManagedFieldsEntry[]
  readonly scale: readonly ManagedFieldsEntry[]
  readonly after: readonly ManagedFieldsEntry[] | undefined
}[] = [
  {
    title: 'leaves entries whose owner still owns the replicas',
    before: [entry('one', replicasAndName)],
    scale: [entry('one', replicas, ofScale)],
    after: [entry('one', replicasAndName)],
  },
  {
    title: 'takes the replicas from who has lost them',
    before: [entry('one', replicasAndName), entry('two', replicas)],
    scale: [],
    after: [entry('one', { 'f:spec': { 'f:name': {} } })],
  },
  {
    title: 'gives the replicas to who has come to own them, without a time',
    before: [],
    scale: [entry('one', replicas, { ...ofScale, operation: 'Update', subresource: 'scale' })],
    after: [
      {
        manager: 'one',
        operation: 'Update',
        apiVersion: 'example.com/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: replicas,
        subresource: 'scale',
      },
    ],
  },
  {
    title: 'forgets versions that are no more, and keeps those without a scale',
    before: [
      entry('one', replicasAndName, { apiVersion: 'example.com/v0' }),
      entry('two', replicasAndName, { apiVersion: 'example.com/v3' }),
    ],
    scale: [],
    after: [entry('two', replicasAndName, { apiVersion: 'example.com/v3' })],
  },
]

for (const { title, before, scale, after } of rows) {
  test(`managedFieldsWithScale ${title}`, () => {
    assert.deepEqual(managedFieldsWithScale(before, scale, 'example.com/v1', paths), after)
  })
}
