import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decoded, definitionOf } from '../../api/testing/strategy-faults.ts'
import { schemaOf } from '../../api/scheme.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'
import type { ServedResource } from './served-resource.ts'
import { raiseGeneration, statusRules } from './update-rules.ts'

const before = { labels: { a: 'b' }, finalizers: ['a/b'] }
const after = { labels: { a: 'c' }, annotations: { x: 'y' }, resourceVersion: '2' }
const kept = { all: { ...before, resourceVersion: '2' }, labels: { ...after, labels: before.labels } }

const rows: readonly (readonly [kind: string, metadata: ObjectMeta])[] = [
  ['resourceclaims.resource.k8s.io', kept.all],
  ['volumeattachments.storage.k8s.io', kept.all],
  ['validatingadmissionpolicies.admissionregistration.k8s.io', kept.all],
  ['deployments.apps', kept.labels],
  ['replicasets.apps', after],
]

for (const [kind, expected] of rows) {
  test(`a status of ${kind} is written with what there may be of the metadata`, () => {
    const { strategy } = definitionOf(kind)
    const [previous, object] = [decoded(kind, { metadata: before }), decoded(kind, { metadata: after })]
    statusRules({ strategy } as ServedResource).prepare(object, previous)
    assert.deepEqual(object.metadata, expected)
  })
}

for (const [isCustom, spec, generation] of [
  [false, { minReadySeconds: 1 }, 8],
  [false, { template: { spec: { volumes: [] } } }, 7],
  [true, { template: { spec: { volumes: [] } } }, 8],
] as const) {
  test(`raiseGeneration: ${JSON.stringify(spec)} of a ${isCustom ? 'custom' : 'built-in'} object makes ${generation} of 7`, () => {
    const workingSchema = schemaOf({ group: 'apps', version: 'v1', kind: 'ReplicaSet' })!
    const served = { registry: { tracksGeneration: true }, strategy: {}, isCustom, workingSchema }
    const object = { metadata: { generation: 7 }, spec }
    const previous = {
      metadata: { generation: 7 },
      spec: 'template' in spec ? { template: { spec: {} } } : {},
    }
    raiseGeneration(served as unknown as ServedResource, object, previous)
    assert.equal(object.metadata.generation, generation)
  })
}
