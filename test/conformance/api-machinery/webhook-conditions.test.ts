import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  configMaps,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../../src/api/generated/resources.ts'
import type { WebhookServer } from '../../../src/apiserver/webhook/testing/webhook-server.ts'
import { isInvalid } from '../../../src/machinery/status-errors.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import {
  aRule,
  aWebhook,
  inNamespace,
  registerMutating,
  registerValidating,
  startSampleWebhook,
} from '../harness/webhooks.ts'

const rules = [aRule('configmaps', 'CREATE')]
const expression = "object.metadata.name != 'skip-me'"
const kinds = [
  ['validating', validatingWebhookConfigurations, registerValidating],
  ['mutating', mutatingWebhookConfigurations, registerMutating],
] as const

describe('conditions of webhooks', { concurrency: true }, () => {
  const cluster = sharedCluster()
  let sample: WebhookServer
  before(async () => void (sample = await startSampleWebhook()))
  after(() => sample[Symbol.asyncDispose]())

  for (const [kind, resource, register] of kinds) {
    it(`are kept and changed: ${kind}`, async () => {
      const { client, namespace } = await cluster.scope()
      const namespaceSelector = inNamespace(namespace)
      const first = [{ name: 'not-skipped', expression }]
      const webhook = aWebhook(sample, '/allow', rules, { namespaceSelector, matchConditions: first })
      await using registered = await register(client, webhook)
      const name = { name: registered.name }
      const found = await client.get(resource, name)
      assert.deepEqual(found.webhooks?.[0]?.matchConditions, first)
      const second = [...first, { name: 'created', expression: "request.operation == 'CREATE'" }]
      const webhooks = found.webhooks?.map((each) => ({ ...each, matchConditions: second }))
      await client.update(resource, { ...found, ...(webhooks && { webhooks }) })
      assert.deepEqual((await client.get(resource, name)).webhooks?.[0]?.matchConditions, second)
    })

    it(`are refused where they make no sense: ${kind}`, async () => {
      const { client } = await cluster.scope()
      const matchConditions = [{ name: 'wrong', expression: '... [] bad expression' }]
      await assert.rejects(
        register(client, aWebhook(sample, '/allow', rules, { matchConditions })),
        (error) => isInvalid(error) && /compilation failed/.test(String(error)),
      )
    })
  }

  it('let all through to them but what they leave out', async () => {
    const { client, namespace } = await cluster.scope()
    const matchConditions = [{ name: 'not-skipped', expression }]
    const options = { namespaceSelector: inNamespace(namespace), matchConditions }
    await using _ = await registerMutating(client, aWebhook(sample, '/mutate-data', rules, options))
    const create = async (name: string) => {
      const data = { 'mutation-start': 'yes' }
      return (await client.create(configMaps, { metadata: { namespace, name }, data })).data
    }
    assert.deepEqual(await create('skip-me'), { 'mutation-start': 'yes' })
    assert.deepEqual(await create('change-me'), { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' })
  })
})
