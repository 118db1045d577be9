import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '../../api/generated/core.v1.ts'
import { daemonSets } from '../../api/generated/resources.ts'
import { newRevision, revisionHashLabel, templateOf } from './controller-revisions.ts'

test('newRevision records a template with its keys in order', () => {
  const template: PodTemplateSpec = {
    metadata: { labels: { b: '1', a: '2' } },
    spec: { restartPolicy: 'Always', containers: [{ name: 'app', image: 'app:1' }] },
  }
  const revision = newRevision({
    owner: {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'd', namespace: 'default', uid: 'u' },
    },
    ownerResource: daemonSets,
    template,
    labels: {},
    hashLabel: revisionHashLabel,
    revision: 1,
    collisionCount: undefined,
  })
  assert.equal(
    JSON.stringify(revision.data),
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"2","b":"1"}},' +
      '"spec":{"containers":[{"image":"app:1","name":"app"}],"restartPolicy":"Always"}}}}',
  )
  assert.deepEqual(templateOf(revision), template)
})
