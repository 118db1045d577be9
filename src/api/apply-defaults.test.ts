import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectSchema } from '../machinery/schema.ts'
import { applyDefaults } from './apply-defaults.ts'
import { schemaOf } from './scheme.ts'

test('applyDefaults sets the constants of built-in types at any depth', () => {
  const pod = {
    spec: {
      containers: [{ name: 'a', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] }],
      volumes: [{ name: 'v', iscsi: { targetPortal: 'p', iqn: 'i', lun: 0 } }],
    },
  }
  const schema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!
  applyDefaults(pod, schema)
  assert.deepEqual(pod, {
    spec: {
      containers: [
        {
          name: 'a',
          ports: [
            { containerPort: 80, protocol: 'TCP' },
            { containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
      volumes: [{ name: 'v', iscsi: { targetPortal: 'p', iqn: 'i', lun: 0, iscsiInterface: 'default' } }],
    },
  })
})

test('applyDefaults fills custom resources, and the defaults that it set', () => {
  const schema: ObjectSchema = {
    type: 'object',
    fields: {
      spec: {
        default: {},
        schema: {
          type: 'object',
          fields: {
            size: { schema: { type: 'integer' }, default: 0 },
            mode: { schema: { type: 'string' }, default: 'x', nullable: true },
            tags: {
              schema: {
                type: 'map',
                values: { type: 'object', fields: { on: { schema: { type: 'boolean' }, default: false } } },
              },
            },
          },
        },
      },
    },
  }
  const rows: readonly [input: object, output: object][] = [
    [{}, { spec: { size: 0, mode: 'x' } }],
    [{ spec: { size: null, mode: null } }, { spec: { size: 0, mode: null } }],
    [
      { spec: { tags: { a: {}, b: { on: true } } } },
      { spec: { size: 0, mode: 'x', tags: { a: { on: false }, b: { on: true } } } },
    ],
    [{ spec: 'wrong' }, { spec: 'wrong' }],
  ]
  for (const [input, output] of rows) {
    const object = structuredClone(input)
    applyDefaults(object, schema)
    assert.deepEqual(object, output)
    applyDefaults(object, schema)
    assert.deepEqual(object, output)
  }
})
