import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { configMaps, namespaces, validatingWebhookConfigurations } from '../../../api/generated/resources.ts'
import { refusal } from '../../testing/test-requests.ts'
import { configMap, onConfigMaps, useHookedServer } from '../testing/hooked-server.ts'
import type { Webhook } from './webhook-source.ts'

describe('webhooks are asked about', () => {
  const server = useHookedServer()

  const selections: readonly (readonly [string, Partial<Webhook>, boolean])[] = [
    [
      'its namespace’s labels',
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } },
      true,
    ],
    ['other namespaces’ labels', { namespaceSelector: { matchLabels: { team: 'x' } } }, false],
    ['its labels', { objectSelector: { matchLabels: { app: 'a' } } }, true],
    ['other labels', { objectSelector: { matchLabels: { app: 'b' } } }, false],
    ['namespaced objects', { rules: [{ ...onConfigMaps[0], scope: 'Namespaced' }] }, true],
    ['cluster-scoped objects', { rules: [{ ...onConfigMaps[0], scope: 'Cluster' }] }, false],
    ['another operation', { rules: [{ ...onConfigMaps[0], operations: ['UPDATE'] }] }, false],
    [
      'everything',
      { rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }] },
      true,
    ],
    ['a subresource', { rules: [{ ...onConfigMaps[0], resources: ['configmaps/status'] }] }, false],
  ]
  for (const [name, fields, isAsked] of selections) {
    test(`a webhook for ${name} is ${isAsked ? '' : 'not '}asked`, async () => {
      await server.validating('v', server.webhook(fields))
      await server.requests.create(configMaps, configMap({ labels: { app: 'a' } }))
      assert.equal(server.hooks.calls.length, isAsked ? 1 : 0)
    })
  }

  test('an object is selected by the labels that it had, too', async () => {
    await server.requests.create(configMaps, configMap({ labels: { app: 'a' } }))
    await server.validating('v', server.webhook({ objectSelector: { matchLabels: { app: 'a' } } }))
    const patch = { metadata: { labels: { app: 'b' } } }
    const name = { namespace: 'default', name: 'c' }
    await server.requests.patch(configMaps, name, patch, 'merge')
    assert.equal(server.hooks.calls.length, 1)
    await server.requests.patch(configMaps, name, { data: { a: 'b' } }, 'merge')
    assert.equal(server.hooks.calls.length, 1)
  })

  test('namespaces are selected by the labels that they are to have', async () => {
    const rules = [{ ...onConfigMaps[0], resources: ['namespaces'] }]
    await server.validating('v', server.webhook({ rules, namespaceSelector: { matchLabels: { team: 'x' } } }))
    await server.requests.create(namespaces, { metadata: { name: 'one', labels: { team: 'x' } } })
    await server.requests.create(namespaces, { metadata: { name: 'two' } })
    assert.deepEqual(
      server.reviews().map(({ name, namespace }) => [name, namespace]),
      [['one', 'one']],
    )
  })

  test('nobody is asked about webhooks themselves', async () => {
    const everything = [
      { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] },
    ] as const
    await server.validating(
      'v',
      server.webhook({ rules: everything, clientConfig: { url: 'https://127.0.0.1:1/' } }),
    )
    assert.match(await refusal(server.requests.create(configMaps, configMap())), /^500/)
    await server.requests.delete(validatingWebhookConfigurations, { name: 'v' })
    await server.requests.create(configMaps, configMap())
  })
})
