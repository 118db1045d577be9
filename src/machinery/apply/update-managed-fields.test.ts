import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject, ManagedFieldsEntry } from '../meta.ts'
import { deploymentSchema } from '../testing/deployment-schema.ts'
import { formatTime } from '../time.ts'
import { anyElement, onlyFields, withoutFields } from './field-filters.ts'
import { withoutTimeChanges } from './managed-fields-times.ts'
import { updateManagedFields } from './update-managed-fields.ts'

const start = Date.UTC(2026, 0, 1)
const resource = { schema: deploymentSchema, apiVersion: 'apps/v1' }

type Deployment = KubernetesObject & { readonly spec?: object; readonly status?: object }

function deployment(spec: object, metadata: object = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', ...metadata },
    spec,
    status: {},
  }
}

/** Stores `next` over `live` as `manager`, and answers with what is then stored. */
function write<T extends Deployment>(
  live: Deployment | undefined,
  next: T,
  manager: string,
  now = start,
  options: { subresource?: string } = {},
): T {
  const managedFields = updateManagedFields({ live, next, manager, now, ...resource, ...options })
  const { managedFields: _, ...metadata } = next.metadata ?? {}
  return { ...next, metadata: { uid: '1', ...metadata, ...(managedFields && { managedFields }) } }
}

function entriesOf(object: KubernetesObject): readonly (readonly [string, string, object])[] {
  return (object.metadata?.managedFields ?? []).map(({ manager = '', time = '', fieldsV1 = {} }) => [
    manager,
    time,
    fieldsV1,
  ])
}

const container = { name: 'c', image: 'i', ports: [{ containerPort: 80, protocol: 'TCP' }], args: ['a'] }

test('a create is owned by its creator, without what identifies the object', () => {
  const created = write(
    undefined,
    deployment(
      { replicas: 1, selector: { matchLabels: { a: 'b' } }, containers: [container] },
      { labels: { a: 'b' }, finalizers: ['x/y'] },
    ),
    'kubectl-create',
  )
  assert.deepEqual(created.metadata?.managedFields, [
    {
      manager: 'kubectl-create',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: formatTime(start),
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:finalizers': { '.': {}, 'v:"x/y"': {} }, 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {},
              'f:args': {},
              'f:image': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': {
                  '.': {},
                  'f:containerPort': {},
                  'f:protocol': {},
                },
              },
            },
          },
          'f:replicas': {},
          'f:selector': {},
        },
      },
    } satisfies ManagedFieldsEntry,
  ])
})

test('an update takes what it changes, and time moves only then', () => {
  const created = write(undefined, deployment({ replicas: 1, paused: false }), 'a')
  const scaled = write(created, deployment({ replicas: 2, paused: false }), 'b', start + 5000)
  assert.deepEqual(entriesOf(scaled), [
    ['a', formatTime(start), { 'f:spec': { 'f:paused': {} } }],
    ['b', formatTime(start + 5000), { 'f:spec': { 'f:replicas': {} } }],
  ])
  const unchanged = write(scaled, deployment({ replicas: 2, paused: false }), 'a', start + 9000)
  assert.deepEqual(unchanged.metadata?.managedFields, scaled.metadata?.managedFields)
  unchanged.metadata?.managedFields?.forEach((entry, index) => {
    assert.equal(entry, scaled.metadata?.managedFields?.[index])
  })
})

test('what is removed belongs to nobody', () => {
  const created = write(undefined, deployment({ replicas: 1, containers: [container] }), 'a')
  const emptied = write(created, deployment({ replicas: 1 }), 'b', start + 1000)
  assert.deepEqual(entriesOf(emptied), [['a', formatTime(start), { 'f:spec': { 'f:replicas': {} } }]])
})

test('subresources have entries of their own and ignore managedFields that are sent', () => {
  const created = write(undefined, deployment({ replicas: 1 }), 'a')
  const next = { ...deployment({ replicas: 1 }, { managedFields: [] }), status: { phase: 'Up' } }
  const updated = write(created, next, 'a', start + 1000, { subresource: 'status' })
  assert.deepEqual(
    updated.metadata?.managedFields?.map(({ manager, subresource, fieldsV1 }) => [
      manager,
      subresource,
      fieldsV1,
    ]),
    [
      ['a', undefined, { 'f:spec': { 'f:replicas': {} } }],
      ['a', 'status', { 'f:status': { 'f:phase': {} } }],
    ],
  )
})

test('clients may reset managedFields, and leaving them out does not', () => {
  const created = write(undefined, deployment({ replicas: 1 }), 'a')
  const kept = write(created, deployment({ replicas: 2 }), 'b', start + 1000)
  assert.equal(kept.metadata?.managedFields?.length, 1)
  for (const managedFields of [[], [{}]]) {
    const reset = write(created, deployment({ replicas: 2 }, { managedFields }), 'b', start + 1000)
    assert.equal(reset.metadata?.managedFields, undefined)
    assert.equal(write(reset, deployment({ replicas: 3 }), 'b').metadata?.managedFields, undefined)
  }
})

test('malformed managedFields that are sent do not replace the stored ones', () => {
  const created = write(undefined, deployment({ replicas: 1 }), 'a')
  const managedFields = [
    { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { bad: {} } },
  ]
  const updated = write(created, deployment({ replicas: 1 }, { managedFields }), 'b')
  assert.deepEqual(entriesOf(updated), entriesOf(created))
})

test('an unnamed manager is unknown', () => {
  assert.equal(
    write(undefined, deployment({ replicas: 1 }), '').metadata?.managedFields?.[0]?.manager,
    'unknown',
  )
})

test('filters keep out what a strategy resets', () => {
  const next = { ...deployment({ replicas: 1, containers: [container] }), status: { phase: 'Up' } }
  const entry = (filter: (fields: object & Record<string, never>) => object) =>
    updateManagedFields({
      live: undefined,
      next,
      manager: 'a',
      now: start,
      ...resource,
      filter: filter as never,
    })?.[0]?.fieldsV1
  assert.deepEqual(entry(withoutFields(['status'], ['spec', 'containers'])), {
    'f:spec': { 'f:replicas': {} },
  })
  assert.deepEqual(entry(onlyFields(['spec', 'containers', anyElement, 'image'])), {
    'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {} } } },
  })
})

test('more than ten updaters are merged into ancient-changes', () => {
  let object = write(undefined, deployment({ replicas: 0 }, { labels: { l0: '0' } }), 'm0')
  for (let index = 1; index <= 11; index++) {
    const labels = { ...object.metadata?.labels, [`l${index}`]: '1' }
    object = write(object, deployment({ replicas: 0 }, { labels }), `m${index}`, start + index * 1000)
  }
  const entries = entriesOf(object)
  assert.equal(entries.length, 10)
  assert.deepEqual(entries[0], [
    'ancient-changes',
    formatTime(start + 2000),
    {
      'f:metadata': { 'f:labels': { '.': {}, 'f:l0': {}, 'f:l1': {}, 'f:l2': {} } },
      'f:spec': { 'f:replicas': {} },
    },
  ])
})

test('managers of other versions see the object in theirs, and go with their version', () => {
  const inOther = (object: unknown) => {
    const { spec = {}, ...rest } = object as Deployment
    return { object: { ...rest, spec: { ...spec, renamed: true } } as never, schema: deploymentSchema }
  }
  const versioning = {
    ...resource,
    inVersion: (object: unknown, apiVersion: string) =>
      apiVersion === 'apps/v1beta2' ? inOther(object) : undefined,
  }
  const owned = (apiVersion: string, manager: string): ManagedFieldsEntry => ({
    manager,
    operation: 'Update',
    apiVersion,
    time: formatTime(start),
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } },
  })
  const live = deployment(
    { replicas: 1, paused: true },
    { uid: '1', managedFields: [owned('apps/v1beta2', 'old'), owned('apps/v1alpha1', 'older')] },
  )
  const entries = updateManagedFields({
    live,
    next: deployment({ replicas: 2, paused: true }),
    manager: 'a',
    now: start,
    ...versioning,
  })
  assert.deepEqual(
    entries?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]),
    [
      ['a', { 'f:spec': { 'f:replicas': {} } }],
      ['old', { 'f:spec': { 'f:paused': {} } }],
    ],
  )
})

test('withoutTimeChanges makes a write of nothing but times a write of nothing', () => {
  const created = write(undefined, deployment({ replicas: 1 }), 'a')
  const later = created.metadata!.managedFields!.map((entry) => ({
    ...entry,
    time: formatTime(start + 9000),
  }))
  const touched = { ...created, metadata: { ...created.metadata, managedFields: later } }
  assert.deepEqual(withoutTimeChanges(touched, created), created)
  const changed = { ...touched, spec: { replicas: 2 } }
  assert.equal(withoutTimeChanges(changed, created), changed)
})
