import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import {
  configMaps,
  deployments,
  mutatingWebhookConfigurations,
  pods,
} from '../../../api/generated/resources.ts'
import { refusal } from '../../testing/test-requests.ts'
import { configMap, deny, patchWith, useHookedServer } from '../testing/hooked-server.ts'

describe('what webhooks are asked', () => {
  const server = useHookedServer()

  test('validating webhooks are asked with the whole request', async () => {
    await server.validating('v', server.webhook({ path: '/validate' }))
    await server.requests.create(configMaps, configMap({}, { a: 'b' }))
    assert.equal(server.hooks.calls[0]?.path, '/validate?timeout=10s')
    const [review] = server.reviews()
    assert.match(review?.uid ?? '', /^[0-9a-f-]{36}$/)
    const { uid: _uid, object, ...rest } = review!
    assert.deepEqual(rest, {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'c',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'tester', groups: ['system:masters', 'system:authenticated'] },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    })
    const shown = object as ConfigMap
    assert.deepEqual([shown.kind, shown.apiVersion, shown.data], ['ConfigMap', 'v1', { a: 'b' }])
  })

  test('updates and deletions show what stands there', async () => {
    const created = await server.requests.create(configMaps, configMap({}, { a: '1' }))
    await server.validating('v', server.webhook())
    await server.requests.update(configMaps, { ...created, data: { a: '2' } })
    await server.requests.delete(configMaps, { namespace: 'default', name: 'c' })
    const [update, deletion] = server.reviews()
    assert.deepEqual((update!.oldObject as ConfigMap).data, { a: '1' })
    assert.deepEqual((update!.object as ConfigMap).data, { a: '2' })
    assert.equal(deletion?.operation, 'DELETE')
    assert.equal(deletion.object, null)
    assert.deepEqual((deletion.oldObject as ConfigMap).data, { a: '2' })
    assert.equal((deletion.options as { kind: string }).kind, 'DeleteOptions')
  })

  test('each object of a collection is asked for', async () => {
    await server.requests.create(configMaps, configMap({ name: 'a' }))
    await server.requests.create(configMaps, configMap({ name: 'b' }))
    await server.validating('v', server.webhook())
    await server.requests.send(
      configMaps,
      { namespace: 'default' },
      { verb: 'deletecollection', options: {}, listOptions: {} },
    )
    assert.deepEqual(new Set(server.reviews().map(({ name }) => name)), new Set(['a', 'b']))
  })

  test('dry runs are shown to those who leave no traces only', async () => {
    await server.validating('v', server.webhook())
    const dryRun = { dryRun: ['All'] }
    await server.requests.create(configMaps, configMap(), dryRun)
    assert.equal(server.reviews()[0]?.dryRun, true)
    // As an old cluster may hold it: a new one would be refused.
    assert.match(
      await refusal(server.validating('w', server.webhook({ sideEffects: 'Some' }))),
      /webhooks\[0\].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/,
    )
  })

  test('webhooks see a Scale where the body is one, and may change it', async () => {
    const selector = { matchLabels: { app: 'a' } }
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    await server.requests.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector, template },
    })
    const rules = [
      { operations: ['UPDATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments/scale'] },
    ] as const
    await server.mutating('m', server.webhook({ rules }))
    server.hooks.respond = patchWith({ op: 'replace', path: '/spec/replicas', value: 2 })
    const scaled = await server.client.send('/apis/apps/v1/namespaces/default/deployments/d/scale', {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { spec: { replicas: 5 } },
    })
    assert.deepEqual((scaled.json['spec'] as { replicas: number }).replicas, 2)
    const [review] = server.reviews()
    assert.deepEqual(review?.kind, { group: 'autoscaling', version: 'v1', kind: 'Scale' })
    assert.equal(review.subResource, 'scale')
    assert.deepEqual((review.object as { spec: object }).spec, { replicas: 5 })
    assert.deepEqual((review.oldObject as { spec: object }).spec, { replicas: 1 })
  })

  test('connections are asked for with their options', async () => {
    await server.requests.create(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    const rules = [
      { operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/attach'] },
    ] as const
    await server.validating('v', server.webhook({ rules }))
    server.hooks.respond = deny({ message: 'no attaching' })
    const answer = await server.client.send('/api/v1/namespaces/default/pods/p/attach?stdin=true', {
      method: 'POST',
    })
    assert.equal(
      answer.json['message'],
      'admission webhook "check.example.com" denied the request: no attaching',
    )
    const [review] = server.reviews()
    assert.equal(review?.kind?.kind, 'PodAttachOptions')
    assert.deepEqual(review.object, { kind: 'PodAttachOptions', apiVersion: 'v1', stdin: true })
    assert.equal(review.options, null)
  })

  test('a webhook is asked under the version that it is for', async () => {
    const autoscalers = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers'
    const rules = [
      {
        operations: ['*'],
        apiGroups: ['autoscaling'],
        apiVersions: ['v2'],
        resources: ['horizontalpodautoscalers'],
      },
    ] as const
    const body = {
      metadata: { name: 'h' },
      spec: {
        maxReplicas: 3,
        targetCPUUtilizationPercentage: 50,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      },
    }
    await server.mutating('m', server.webhook({ rules, matchPolicy: 'Exact' }))
    const first = await server.client.send(autoscalers, { method: 'POST', body })
    assert.equal(first.status, 201, first.text)
    assert.equal(server.hooks.calls.length, 0)
    await server.requests.delete(mutatingWebhookConfigurations, { name: 'm' })
    await server.mutating('m', server.webhook({ rules, matchPolicy: 'Equivalent' }))
    server.hooks.respond = patchWith({ op: 'replace', path: '/spec/maxReplicas', value: 4 })
    const second = await server.client.send(autoscalers, {
      method: 'POST',
      body: { ...body, metadata: { name: 'i' } },
    })
    assert.equal((second.json['spec'] as { maxReplicas: number }).maxReplicas, 4)
    const [review] = server.reviews()
    assert.deepEqual(
      [review?.kind?.version, review?.requestKind?.version, review?.resource?.version],
      ['v2', 'v1', 'v2'],
    )
    assert.equal((review!.object as { spec: { metrics: unknown[] } }).spec.metrics.length, 1)
  })
})
