import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { JSONSchemaProps } from '../../../src/api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../../src/api/generated/resources.ts'
import type { WebhookServer } from '../../../src/apiserver/webhook/testing/webhook-server.ts'
import {
  abolish,
  aDefinition,
  establish,
  resourceOf,
  withSchema,
  type CustomObject,
} from '../harness/definitions.ts'
import { disallowed, nondeletable, testKey } from '../harness/sample-webhook.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import {
  aRule,
  aWebhook,
  inNamespace,
  registerMutating,
  registerValidating,
  startSampleWebhook,
} from '../harness/webhooks.ts'

const mutated = { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' }

describe('webhooks on custom resources', { concurrency: true }, () => {
  const cluster = sharedCluster()
  let sample: WebhookServer
  before(async () => void (sample = await startSampleWebhook()))
  after(() => sample[Symbol.asyncDispose]())

  it('deny their creation, their update and their deletion', async () => {
    const { client, namespace } = await cluster.scope()
    const definition = await establish(client, aDefinition({ v1: {} }))
    const things = resourceOf(definition)
    await using _ = await registerValidating(
      client,
      aWebhook(sample, '/data', [aRule(`${things.resource}.${things.group}`, 'CREATE', 'UPDATE', 'DELETE')], {
        namespaceSelector: inNamespace(namespace),
      }),
    )
    const denied = /denied the request: it contains unwanted data/
    const metadata = { namespace, name: 'one' }
    await assert.rejects(client.create(things, { metadata, data: { [testKey]: disallowed } }), denied)
    const kept = await client.create(things, { metadata, data: { [testKey]: nondeletable } })
    await assert.rejects(client.update(things, { ...kept, data: { [testKey]: disallowed } }), denied)
    await assert.rejects(client.delete(things, metadata), /denied the request: its data forbid its deletion/)
    await client.patch(things, metadata, { type: 'merge', body: { data: null } })
    await client.delete(things, metadata)
    await abolish(client, definition)
  })

  /** Custom resources that two webhooks change in turn, when they are written. */
  async function withMutation(
    versions: Parameters<typeof aDefinition>[0],
    run: (
      context: Awaited<ReturnType<typeof cluster.scope>>,
      thingsOf: (version: string) => ReturnType<typeof resourceOf>,
      name: string,
    ) => Promise<void>,
  ): Promise<void> {
    const scope = await cluster.scope()
    const definition = await establish(scope.client, aDefinition(versions))
    const { group, resource } = resourceOf(definition)
    const rules = [aRule(`${resource}.${group}`, 'CREATE', 'UPDATE')]
    const options = { namespaceSelector: inNamespace(scope.namespace) }
    {
      await using _ = await registerMutating(
        scope.client,
        aWebhook(sample, '/mutate-data', rules, { ...options, name: 'one.example.com' }),
        aWebhook(sample, '/mutate-data', rules, { ...options, name: 'two.example.com' }),
      )
      await run(scope, (version) => resourceOf(definition, version), definition.metadata!.name!)
    }
    await abolish(scope.client, definition)
  }

  const start = (namespace: string): CustomObject => ({
    metadata: { namespace, name: 'one' },
    data: { 'mutation-start': 'yes' },
  })

  it('change them', () =>
    withMutation({ v1: {} }, async ({ client, namespace }, thingsOf) => {
      const created = await client.create(thingsOf('v1'), start(namespace))
      assert.deepEqual(created['data'], { ...mutated, 'mutation-stage-2': 'yes' })
    }))

  it('change them also when another version is stored by now', () =>
    withMutation({ v1: {}, v2: {} }, async ({ client, namespace }, thingsOf, name) => {
      await client.create(thingsOf('v1'), start(namespace))
      const { spec } = await client.get(customResourceDefinitions, { name })
      const versions = spec.versions.map((version) => ({ ...version, storage: version.name === 'v2' }))
      await client.patch(customResourceDefinitions, { name }, { type: 'merge', body: { spec: { versions } } })
      const key = { namespace, name: 'one' }
      const body = { data: { 'mutation-stage-1': null, 'mutation-stage-2': null } }
      const patched = await client.patch(thingsOf('v1'), key, { type: 'merge', body })
      assert.deepEqual(patched['data'], { ...mutated, 'mutation-stage-2': 'yes' })
      assert.deepEqual((await client.get(thingsOf('v2'), key))['data'], patched['data'])
    }))

  it('change them, and what the schema does not know goes', () => {
    const text: JSONSchemaProps = { type: 'string' }
    const properties = { 'mutation-start': text, 'mutation-stage-1': text }
    const schema = withSchema({ type: 'object', properties: { data: { type: 'object', properties } } })
    return withMutation({ v1: schema }, async ({ client, namespace }, thingsOf) => {
      const created = await client.create(thingsOf('v1'), start(namespace))
      assert.deepEqual(created['data'], mutated)
      assert.deepEqual((await client.get(thingsOf('v1'), { namespace, name: 'one' }))['data'], mutated)
    })
  })
})
