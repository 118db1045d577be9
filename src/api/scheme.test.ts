import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  schemaOf,
  schemaOfType,
  allTypeNames,
  findResource,
  findResourceOfKind,
  kindOfType,
} from './scheme.ts'
import { allResources } from './generated/resources.ts'

test('schemaOf knows the kind of every resource', () => {
  for (const resource of allResources) {
    const schema = schemaOf(resource)
    assert.ok(schema?.fields.metadata || resource.kind.endsWith('Review'), resource.kind)
    assert.equal(findResource(resource), resource)
    assert.equal(findResourceOfKind(resource), resource)
    assert.deepEqual(kindOfType(schema?.name ?? ''), {
      group: resource.group,
      version: resource.version,
      kind: resource.kind,
    })
  }
})

test('schemaOf knows the kinds of meta in every group', () => {
  const name = 'io.k8s.apimachinery.pkg.apis.meta.v1'
  const rows: readonly [group: string, version: string, kind: string, expected: string | undefined][] = [
    ['example.com', 'v1', 'DeleteOptions', `${name}.DeleteOptions`],
    ['', 'v1', 'Status', `${name}.Status`],
    ['example.com', 'v1', 'Status', undefined],
    ['meta.k8s.io', 'v1', 'Table', `${name}.Table`],
    ['meta.k8s.io', 'v1', 'Condition', undefined],
    ['', 'v1', 'PodSpec', undefined],
    ['', 'v1', 'Nope', undefined],
    ['autoscaling', 'v1', 'Scale', 'io.k8s.api.autoscaling.v1.Scale'],
  ]
  for (const [group, version, kind, expected] of rows) {
    assert.equal(schemaOf({ group, version, kind })?.name, expected, `${group} ${kind}`)
  }
})

test('schemas are shared, and every type can be built', () => {
  for (const name of allTypeNames()) {
    const schema = schemaOfType(name)
    assert.equal(schema?.name, name)
    assert.ok(Object.keys(schema?.fields ?? {}).length >= 0)
    for (const required of schema?.required ?? []) assert.ok(schema?.fields[required], `${name}.${required}`)
  }
  const pod = schemaOf({ group: '', version: 'v1', kind: 'Pod' })
  assert.equal(pod?.fields.spec?.schema, schemaOfType('io.k8s.api.core.v1.PodSpec'))
})

test('schemas hold list types, merge keys and defaults', () => {
  const spec = schemaOfType('io.k8s.api.core.v1.PodSpec')!
  const containers = spec.fields.containers!
  assert.deepEqual([containers.patchStrategy, containers.patchMergeKey], ['merge', 'name'])
  assert.ok(containers.schema.type === 'list' && containers.schema.listType === 'map')
  assert.deepEqual(containers.schema.mapKeys, ['name'])
  const port = schemaOfType('io.k8s.api.core.v1.ContainerPort')!
  assert.equal(port.fields.protocol?.default, 'TCP')
  assert.equal(schemaOfType('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')?.structType, 'atomic')
})
