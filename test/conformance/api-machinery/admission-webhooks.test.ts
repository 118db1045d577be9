import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  configMaps,
  customResourceDefinitions,
  mutatingWebhookConfigurations,
  namespaces,
  pods,
  validatingWebhookConfigurations,
} from '../../../src/api/generated/resources.ts'
import type { WebhookServer } from '../../../src/apiserver/webhook/testing/webhook-server.ts'
import type { StatusError } from '../../../src/machinery/status.ts'
import { aDefinition } from '../harness/definitions.ts'
import { aPod, server as container } from '../harness/objects.ts'
import { disallowed, testKey } from '../harness/sample-webhook.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { untilObject } from '../harness/until-object.ts'
import {
  aRule,
  aWebhook,
  inNamespace,
  registerMutating,
  registerValidating,
  startSampleWebhook,
} from '../harness/webhooks.ts'

const badData = { [testKey]: disallowed }
const written = ['CREATE', 'UPDATE'] as const

describe('admission webhooks', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })
  let sample: WebhookServer
  before(async () => void (sample = await startSampleWebhook()))
  after(() => sample[Symbol.asyncDispose]())

  it('have configurations that stand in the discovery documents', async () => {
    const { api } = await cluster.scope()
    const group = 'admissionregistration.k8s.io'
    const groups = (await api('GET', '/apis')).json.groups
    const versions = groups.find(({ name }: { name: string }) => name === group).versions
    assert.ok(versions.some(({ version }: { version: string }) => version === 'v1'))
    const found = (await api('GET', `/apis/${group}`)).json
    assert.ok(
      found.versions.some(({ groupVersion }: { groupVersion: string }) => groupVersion === `${group}/v1`),
    )
    const { resources } = (await api('GET', `/apis/${group}/v1`)).json
    const names = new Set(resources.map(({ name }: { name: string }) => name))
    assert.ok(names.has('mutatingwebhookconfigurations') && names.has('validatingwebhookconfigurations'))
  })

  it('deny pods and what is written to configmaps, save where they are not asked', async () => {
    const { client, namespace } = await cluster.scope()
    const namespaceSelector = {
      ...inNamespace(namespace),
      matchExpressions: [{ key: 'skip-webhook-admission', operator: 'NotIn' as const, values: ['yes'] }],
    }
    const unreachable = { url: 'https://127.0.0.1:1/', caBundle: sample.caBundle }
    await using _ = await registerValidating(
      client,
      aWebhook(sample, '/pods', [aRule('pods', 'CREATE')], { namespaceSelector }),
      aWebhook(sample, '/data', [aRule('configmaps', ...written)], { namespaceSelector }),
      aWebhook(sample, '/open', [aRule('configmaps', ...written)], {
        namespaceSelector,
        clientConfig: unreachable,
        failurePolicy: 'Ignore',
      }),
    )
    const pod = aPod(namespace, 'bad', { containers: [{ ...container, name: disallowed }] })
    await assert.rejects(
      client.create(pods, { ...pod, metadata: { ...pod.metadata, labels: badData } }),
      /denied the request: the pod contains unwanted container name and unwanted label/,
    )
    const denied = /admission webhook "data\.example\.com" denied the request: it contains unwanted data/
    await assert.rejects(
      client.create(configMaps, { metadata: { namespace, name: 'bad' }, data: badData }),
      denied,
    )
    const good = await client.create(configMaps, { metadata: { namespace, name: 'good' }, data: { a: 'b' } })
    await assert.rejects(client.update(configMaps, { ...good, data: badData }), denied)
    const patch = { type: 'merge', body: { data: badData } } as const
    await assert.rejects(client.patch(configMaps, { namespace, name: 'good' }, patch), denied)
    await client.patch(
      namespaces,
      { name: namespace },
      { type: 'merge', body: { metadata: { labels: { 'skip-webhook-admission': 'yes' } } } },
    )
    await client.create(configMaps, { metadata: { namespace, name: 'skipped' }, data: badData })
  })

  it('deny attaching to a pod', async () => {
    const { api, client, namespace } = await cluster.scope()
    await client.create(pods, aPod(namespace, 'to-be-attached'))
    await untilObject(client, pods, { namespace, name: 'to-be-attached' }, ({ status }) => {
      return status?.phase === 'Running'
    })
    await using _ = await registerValidating(
      client,
      aWebhook(sample, '/attach', [aRule('pods/attach', 'CONNECT')], {
        namespaceSelector: inNamespace(namespace),
      }),
    )
    const path = `/api/v1/namespaces/${namespace}/pods/to-be-attached/attach`
    const { status, json } = await api('POST', path, { query: { container: 'main', stdout: 'true' } })
    assert.equal(status, 400)
    assert.match(json.message, /denied the request: attaching to pod 'to-be-attached' is not allowed/)
  })

  it('that cannot be reached refuse everything, if they fail closed', async () => {
    const { client, namespace } = await cluster.scope()
    await using _ = await registerValidating(
      client,
      aWebhook(sample, '/closed', [aRule('configmaps', 'CREATE')], {
        namespaceSelector: inNamespace(namespace),
        clientConfig: { service: { namespace, name: 'missing', path: '/' }, caBundle: sample.caBundle },
        failurePolicy: 'Fail',
      }),
    )
    await assert.rejects(
      client.create(configMaps, { metadata: { namespace, name: 'foo' } }),
      ({ status }: StatusError) => status.code === 500 && status.reason === 'InternalError',
    )
  })

  it('change configmaps one after the other', async () => {
    const { client, namespace } = await cluster.scope()
    const options = { namespaceSelector: inNamespace(namespace) }
    const rules = [aRule('configmaps', 'CREATE')]
    await using _ = await registerMutating(
      client,
      aWebhook(sample, '/mutate-data', rules, { ...options, name: 'one.example.com' }),
      aWebhook(sample, '/mutate-data', rules, { ...options, name: 'two.example.com' }),
    )
    const name = { namespace, name: 'mutated' }
    const { data } = await client.create(configMaps, { metadata: name, data: { 'mutation-start': 'yes' } })
    assert.deepEqual(data, {
      'mutation-start': 'yes',
      'mutation-stage-1': 'yes',
      'mutation-stage-2': 'yes',
    })
  })

  it('change pods, which are given their defaults behind them', async () => {
    const { client, namespace } = await cluster.scope()
    await using _ = await registerMutating(
      client,
      aWebhook(sample, '/mutate-pods', [aRule('pods', 'CREATE')], {
        namespaceSelector: inNamespace(namespace),
      }),
    )
    const { spec } = await client.create(pods, aPod(namespace, 'mutated'))
    const [init] = spec?.initContainers ?? []
    assert.equal(init?.name, 'added-by-webhook')
    assert.equal(init.terminationMessagePolicy, 'File')
  })

  it('can neither change the configurations of webhooks nor keep them', async () => {
    const { client } = await cluster.scope()
    const kinds = ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']
    const rules = (...operations: ('CREATE' | 'DELETE')[]) =>
      kinds.map((kind) => aRule(`${kind}.admissionregistration.k8s.io`, ...operations))
    await using _denying = await registerValidating(client, aWebhook(sample, '/deny', rules('DELETE')))
    await using _changing = await registerMutating(client, aWebhook(sample, '/add-label', rules('CREATE')))
    for (const [register, resource] of [
      [registerValidating, validatingWebhookConfigurations],
      [registerMutating, mutatingWebhookConfigurations],
    ] as const) {
      const dummy = await register(
        client,
        aWebhook(sample, '/deny', [aRule('invalids.example.com', 'CREATE')]),
      )
      const { metadata } = await client.get(resource, { name: dummy.name })
      assert.equal(metadata?.labels, undefined)
      await dummy[Symbol.asyncDispose]()
    }
  })

  it('deny the creation of definitions', async () => {
    const { client } = await cluster.scope()
    await using _ = await registerValidating(
      client,
      aWebhook(sample, '/definitions', [aRule('customresourcedefinitions.apiextensions.k8s.io', 'CREATE')], {
        objectSelector: { matchLabels: badData },
      }),
    )
    await assert.rejects(
      client.create(customResourceDefinitions, aDefinition({ v1: {} }, { labels: badData })),
      /denied the request: the definition contains unwanted label/,
    )
  })

  it('are waited for as long as they say', async () => {
    const { client, namespace } = await cluster.scope()
    const slow = await startSampleWebhook()
    const { respond } = slow
    const answered = Promise.withResolvers<void>()
    slow.respond = async (review, response) => {
      await answered.promise
      return respond(review, response)
    }
    const register = (failurePolicy: 'Fail' | 'Ignore', timeoutSeconds?: number) =>
      registerValidating(
        client,
        aWebhook(slow, '/allow', [aRule('configmaps', 'CREATE')], {
          namespaceSelector: inNamespace(namespace),
          failurePolicy,
          ...(timeoutSeconds !== undefined && { timeoutSeconds }),
        }),
      )
    try {
      {
        await using _ = await register('Fail', 1)
        await assert.rejects(
          client.create(configMaps, { metadata: { namespace, name: 'a' } }),
          /failed calling webhook "allow\.example\.com": .*timeout=1s.*deadline exceeded/,
        )
      }
      {
        await using _ = await register('Ignore', 1)
        await client.create(configMaps, { metadata: { namespace, name: 'b' } })
      }
      await using registered = await register('Fail')
      const stored = await client.get(validatingWebhookConfigurations, { name: registered.name })
      assert.equal(stored.webhooks?.[0]?.timeoutSeconds, 10)
      const created = client.create(configMaps, { metadata: { namespace, name: 'c' } })
      answered.resolve()
      await created
    } finally {
      answered.resolve()
      await slow[Symbol.asyncDispose]()
    }
  })

  it('that validate are patched and updated', async () => {
    const { client, namespace } = await cluster.scope()
    await using registered = await registerValidating(
      client,
      aWebhook(sample, '/data', [aRule('configmaps', 'CREATE')], {
        namespaceSelector: inNamespace(namespace),
      }),
    )
    const name = { name: registered.name }
    const create = (suffix: string) =>
      client.create(configMaps, { metadata: { namespace, name: `bad-${suffix}` }, data: badData })
    await assert.rejects(create('before'), /unwanted data/)
    const found = await client.get(validatingWebhookConfigurations, name)
    const webhooks = found.webhooks!.map((webhook) => ({
      ...webhook,
      rules: [aRule('configmaps', 'UPDATE')],
    }))
    await client.update(validatingWebhookConfigurations, { ...found, webhooks })
    await create('updated')
    const operations = [{ op: 'replace', path: '/webhooks/0/rules/0/operations/0', value: 'CREATE' }]
    await client.patch(validatingWebhookConfigurations, name, { type: 'json', operations })
    await assert.rejects(create('patched'), /unwanted data/)
  })

  it('that mutate are patched and updated', async () => {
    const { client, namespace } = await cluster.scope()
    await using registered = await registerMutating(
      client,
      aWebhook(sample, '/mutate-data', [aRule('configmaps', 'CREATE')], {
        namespaceSelector: inNamespace(namespace),
      }),
    )
    const name = { name: registered.name }
    const create = async (suffix: string) => {
      const data = { 'mutation-start': 'yes' }
      return (await client.create(configMaps, { metadata: { namespace, name: suffix }, data })).data
    }
    const mutated = { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' }
    const found = await client.get(mutatingWebhookConfigurations, name)
    const webhooks = found.webhooks!.map((webhook) => ({
      ...webhook,
      rules: [aRule('configmaps', 'UPDATE')],
    }))
    await client.update(mutatingWebhookConfigurations, { ...found, webhooks })
    assert.deepEqual(await create('updated'), { 'mutation-start': 'yes' })
    const operations = [{ op: 'replace', path: '/webhooks/0/rules/0/operations/0', value: 'CREATE' }]
    await client.patch(mutatingWebhookConfigurations, name, { type: 'json', operations })
    assert.deepEqual(await create('patched'), mutated)
  })

  for (const [title, register, resource, path] of [
    [
      'that validate are listed and deleted together',
      registerValidating,
      validatingWebhookConfigurations,
      '/data',
    ],
    [
      'that mutate are listed and deleted together',
      registerMutating,
      mutatingWebhookConfigurations,
      '/mutate-data',
    ],
  ] as const) {
    it(title, async () => {
      const { client, namespace } = await cluster.scope()
      const labelSelector = `batch=${namespace}`
      for (const _ of [1, 2, 3]) {
        const { name } = await register(
          client,
          aWebhook(sample, path, [aRule('configmaps', 'CREATE')], {
            namespaceSelector: inNamespace(namespace),
          }),
        )
        const body = { metadata: { labels: { batch: namespace } } }
        await client.patch(resource, { name }, { type: 'merge', body })
      }
      const create = (name: string, data: Readonly<Record<string, string>>) =>
        client.create(configMaps, { metadata: { namespace, name }, data })
      const isInForce = async (name: string) => {
        if (path === '/mutate-data') {
          return (await create(name, { 'mutation-start': 'yes' })).data?.['mutation-stage-1'] === 'yes'
        }
        return create(name, badData).then(
          () => false,
          () => true,
        )
      }
      assert.equal((await client.list(resource, { labelSelector })).items.length, 3)
      assert.equal(await isInForce('before'), true)
      await client.deleteCollection(resource, { labelSelector })
      assert.equal((await client.list(resource, { labelSelector })).items.length, 0)
      assert.equal(await isInForce('after'), false)
    })
  }
})
