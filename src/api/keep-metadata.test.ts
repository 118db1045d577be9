import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decoded, definitionOf } from './testing/strategy-faults.ts'

for (const resource of ['resourceclaims.resource.k8s.io', 'volumeattachments.storage.k8s.io'])
  test(`the status of ${resource} is written without the metadata`, () => {
    const objectWith = (metadata: object) => decoded(resource, { metadata: { name: 'o', ...metadata } })
    const after = objectWith({ labels: { a: 'c' }, annotations: { x: 'y' }, resourceVersion: '2' })
    const before = objectWith({ labels: { a: 'b' }, finalizers: ['a/b'], resourceVersion: '1' })
    definitionOf(resource).strategy.status!.prepareForUpdate!(after, before)
    const { labels, annotations, finalizers, resourceVersion } = after.metadata ?? {}
    assert.deepEqual(
      { labels, annotations, finalizers, resourceVersion },
      { labels: { a: 'b' }, annotations: undefined, finalizers: ['a/b'], resourceVersion: '2' },
    )
  })
