import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '../../../src/api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../../src/api/generated/resources.ts'
import { startWebhookServer } from '../../../src/apiserver/webhook/testing/webhook-server.ts'
import {
  abolish,
  aDefinition,
  establish,
  resourceOf,
  withSchema,
  type CustomObject,
} from '../harness/definitions.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { readEvents, untilGone, untilList, untilObject } from '../harness/until-object.ts'

const text: JSONSchemaProps = { type: 'string' }

describe('custom resource definitions', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are created and deleted', async () => {
    const { client } = await cluster.scope()
    await abolish(client, await establish(client, aDefinition({ v1: {} })))
  })

  it('are listed by label, and deleted together', async () => {
    const { client, namespace } = await cluster.scope()
    const labels = { batch: namespace }
    const labelSelector = `batch=${namespace}`
    const definitions = Array.from({ length: 10 }, () => aDefinition({ v1: {} }, { labels }))
    const other = await establish(client, aDefinition({ v1: {} }))
    await Promise.all(definitions.map((definition) => establish(client, definition)))
    const { items } = await client.list(customResourceDefinitions, { labelSelector })
    assert.equal(items.length, 10)
    await client.deleteCollection(customResourceDefinitions, { labelSelector })
    await untilList(client, customResourceDefinitions, { labelSelector }, (left) => left.length === 0)
    await abolish(client, other)
  })

  it('have a status that is read, patched and updated on its own', async () => {
    const { client } = await cluster.scope()
    const { metadata } = await establish(client, aDefinition({ v1: {} }))
    const name = { name: metadata!.name! }
    const found = await client.get(customResourceDefinitions, name)
    const condition = { type: 'Checked', status: 'True', reason: 'Test', message: 'set by a test' }
    const conditions = [...(found.status?.conditions ?? []), condition]
    const updated = await client.update(
      customResourceDefinitions,
      { ...found, status: { ...found.status, conditions } },
      { subresource: 'status' },
    )
    assert.ok(updated.status?.conditions?.some(({ type }) => type === 'Checked'))
    const body = { status: { conditions: [...conditions, { ...condition, type: 'Patched' }] } }
    const patched = await client.patch(
      customResourceDefinitions,
      name,
      { type: 'merge', body },
      { subresource: 'status' },
    )
    assert.ok(patched.status?.conditions?.some(({ type }) => type === 'Patched'))
    await abolish(client, found)
  })

  it('keep every digit of integers of 64 bits, typed or not, through reads, writes and patches', async () => {
    const { client, namespace } = await cluster.scope()
    const seed: JSONSchemaProps = { type: 'integer', format: 'int64', minimum: 1 }
    const definition = await establish(
      client,
      aDefinition({
        v1: withSchema({
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { seed },
        }),
      }),
    )
    const resource = resourceOf(definition)
    const { group } = definition.spec
    const name = { name: 'long', namespace }
    const path = `/apis/${group}/v1/namespaces/${namespace}/${resource.resource}/long`
    const holds = async (typed: bigint, untyped: bigint) => {
      const text = await client.raw(path)
      assert.match(text, new RegExp(`"seed": ?${typed}\\b`))
      assert.match(text, new RegExp(`"number": ?${untyped}\\b`))
      const table = await client.raw(path, { accept: 'application/yaml' })
      assert.match(table, new RegExp(`^seed: ${typed}$`, 'm'))
    }
    const [largest, other] = [2n ** 63n - 1n, 2n ** 60n + 1n]
    await client.create(resource, { metadata: name, seed: largest, more: { number: other } })
    await holds(largest, other)
    await client.patch(resource, name, { type: 'merge', body: { more: { number: -largest } } })
    await holds(largest, -largest)
    const operations = [
      { op: 'test', path: '/seed', value: largest } as const,
      { op: 'replace', path: '/seed', value: other } as const,
    ]
    await client.patch(resource, name, { type: 'json', operations })
    await holds(other, -largest)
    const body = { apiVersion: `${group}/v1`, kind: resource.kind, metadata: name, seed: largest }
    await client.patch(resource, name, { type: 'apply', body }, { fieldManager: 'test', force: true })
    await holds(largest, -largest)
    await assert.rejects(
      client.patch(resource, name, { type: 'merge', body: { seed: -largest } }),
      /should be greater than or equal to 1/,
    )
    await abolish(client, definition)
  })

  it('are watched', async () => {
    const { client } = await cluster.scope()
    const definition = aDefinition({ v1: {} })
    const { metadata } = await client.list(customResourceDefinitions)
    const events = readEvents(client, customResourceDefinitions, {
      resourceVersion: metadata.resourceVersion ?? '',
      fieldSelector: `metadata.name=${definition.metadata!.name!}`,
    })
    await establish(client, definition)
    await events.find('ADDED')
    await events.find('MODIFIED')
    await abolish(client, definition)
    await events.find('DELETED')
    events.close()
  })

  it('stand in the discovery documents', async () => {
    const { api } = await cluster.scope()
    const groups = await api('GET', '/apis')
    const group = groups.json.groups.find(({ name }: { name: string }) => name === 'apiextensions.k8s.io')
    assert.deepEqual(group.preferredVersion, { groupVersion: 'apiextensions.k8s.io/v1', version: 'v1' })
    assert.equal((await api('GET', '/apis/apiextensions.k8s.io')).json.versions[0].version, 'v1')
    const { resources } = (await api('GET', '/apis/apiextensions.k8s.io/v1')).json
    assert.ok(resources.some(({ name }: { name: string }) => name === 'customresourcedefinitions'))
  })
})

describe('custom resources', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are watched, and their watch ends with their definition', async () => {
    const { client } = await cluster.scope()
    const definition = await establish(client, aDefinition({ v1: {} }, { scope: 'Cluster' }))
    const things = resourceOf(definition)
    const events = readEvents<CustomObject>(client, things, { resourceVersion: '0' })
    await client.create(things, { metadata: { name: 'one' } })
    await events.find('ADDED')
    await client.patch(things, { name: 'one' }, { type: 'merge', body: { a: 1 } })
    await events.find('MODIFIED')
    await client.delete(things, { name: 'one' })
    await events.find('DELETED')
    const ended = assert.rejects(async () => {
      for (;;) await events.next()
    })
    await abolish(client, definition)
    await ended
    events.close()
  })

  it('get defaults when they are written and when they are read', async () => {
    const { client, namespace } = await cluster.scope()
    const versionWith = (properties: Readonly<Record<string, JSONSchemaProps>>) => ({
      v1: withSchema({ type: 'object', properties }),
    })
    const definition = await establish(client, aDefinition(versionWith({ a: text, b: text })))
    const things = resourceOf(definition)
    const name = { namespace, name: 'early' }
    assert.equal((await client.create(things, { metadata: name }))['a'], undefined)
    const replaceSchema = async (properties: Readonly<Record<string, JSONSchemaProps>>) => {
      const { spec } = aDefinition(versionWith(properties))
      const body = { spec: { versions: spec.versions } }
      await client.patch(
        customResourceDefinitions,
        { name: definition.metadata!.name! },
        { type: 'merge', body },
      )
    }
    await replaceSchema({ a: { ...text, default: 'A' }, b: text })
    await untilObject(client, things, name, (object) => object['a'] === 'A')
    assert.equal((await client.create(things, { metadata: { namespace, name: 'late' } }))['a'], 'A')
    await replaceSchema({ a: text, b: { ...text, default: 'B' } })
    const late = await untilObject(
      client,
      things,
      { namespace, name: 'late' },
      (object) => object['b'] === 'B',
    )
    assert.equal(late['a'], 'A')
    await abolish(client, definition)
  })

  it('have no scale to read as long as they say no replicas', async () => {
    const { api, client, namespace } = await cluster.scope()
    const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' }
    const definition = await establish(client, aDefinition({ v1: { subresources: { scale } } }))
    const things = resourceOf(definition)
    await client.create(things, { metadata: { namespace, name: 'one' } })
    const path = `/apis/${things.group}/v1/namespaces/${namespace}/${things.resource}/one/scale`
    const { status, json } = await api('GET', path)
    assert.equal(status, 500)
    assert.equal(
      json.message,
      'Internal error occurred: the spec replicas field ".spec.replicas" does not exist',
    )
    await client.patch(things, { namespace, name: 'one' }, { type: 'merge', body: { spec: { replicas: 0 } } })
    assert.equal((await api('GET', path)).status, 200)
    await abolish(client, definition)
  })

  it('go with their namespace and with their owners', async () => {
    const { client, namespace } = await cluster.scope()
    const definition = await establish(client, aDefinition({ v1: {} }))
    const things = resourceOf(definition)
    const owner = await client.create(things, { metadata: { namespace, name: 'owner' } })
    const { uid } = owner.metadata as { uid: string }
    const ownerReferences = [{ apiVersion: `${things.group}/v1`, kind: things.kind, name: 'owner', uid }]
    await client.create(things, { metadata: { namespace, name: 'owned', ownerReferences } } as CustomObject)
    await client.create(things, { metadata: { namespace, name: 'other' } })
    await client.delete(things, { namespace, name: 'owner' })
    await untilGone(client, things, { namespace, name: 'owned' })
    await client.delete(
      { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
      { name: namespace },
    )
    await untilGone(client, things, { namespace, name: 'other' })
    await abolish(client, definition)
  })
})

describe('conversion webhooks', () => {
  const cluster = sharedCluster()

  /** In v1 a host and a port are one text, in v2 they are two fields. */
  async function withWebhook(
    run: (
      scope: Scope,
      things: (version: string) => ReturnType<typeof resourceOf>,
      name: string,
    ) => Promise<void>,
  ) {
    await using webhook = await startWebhookServer()
    webhook.respond = (review: never) => {
      const { request } = review as {
        request: {
          uid: string
          desiredAPIVersion: string
          objects: (CustomObject & { hostPort?: string; host?: string; port?: string })[]
        }
      }
      const convertedObjects = request.objects.map(({ hostPort, host, port, ...object }) => {
        const fields = request.desiredAPIVersion.endsWith('/v2')
          ? { host: hostPort?.split(':')[0], port: hostPort?.split(':')[1] }
          : { hostPort: `${host}:${port}` }
        return { ...object, apiVersion: request.desiredAPIVersion, ...fields }
      })
      const response = { uid: request.uid, convertedObjects, result: { status: 'Success' } }
      return { kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', response }
    }
    const scope = await cluster.scope()
    const definition = aDefinition({
      v1: {
        ...withSchema({ type: 'object', properties: { hostPort: text } }),
        selectableFields: [{ jsonPath: '.hostPort' }],
      },
      v2: {
        ...withSchema({ type: 'object', properties: { host: text, port: text } }),
        selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }],
      },
    })
    const clientConfig = { ...webhook.target('/convert') }
    const conversion = {
      strategy: 'Webhook',
      webhook: { clientConfig, conversionReviewVersions: ['v1', 'v1beta1'] },
    }
    const established = await establish(scope.client, {
      ...definition,
      spec: { ...definition.spec, conversion },
    })
    await run(scope, (version) => resourceOf(established, version), established.metadata!.name!)
    await abolish(scope.client, established)
  }

  it('show objects of one version as another', () =>
    withWebhook(async ({ client, namespace }, things) => {
      await client.create(things('v1'), { metadata: { namespace, name: 'a' }, hostPort: 'localhost:8080' })
      const { host, port } = await client.get(things('v2'), { namespace, name: 'a' })
      assert.deepEqual({ host, port }, { host: 'localhost', port: '8080' })
      await client.patch(things('v2'), { namespace, name: 'a' }, { type: 'merge', body: { port: '9090' } })
      assert.equal((await client.get(things('v1'), { namespace, name: 'a' }))['hostPort'], 'localhost:9090')
    }))

  it('show lists of objects that are stored in different versions', () =>
    withWebhook(async ({ client, namespace }, things, name) => {
      await client.create(things('v1'), { metadata: { namespace, name: 'a' }, hostPort: 'localhost:1' })
      const { spec } = await client.get(customResourceDefinitions, { name })
      const versions = spec.versions.map((version) => ({ ...version, storage: version.name === 'v2' }))
      await client.patch(customResourceDefinitions, { name }, { type: 'merge', body: { spec: { versions } } })
      await client.create(things('v2'), { metadata: { namespace, name: 'b' }, host: 'localhost', port: '2' })
      for (const [version, expected] of [
        ['v1', ['localhost:1', 'localhost:2']],
        ['v2', ['1', '2']],
      ] as const) {
        const { items } = await client.list(things(version), { namespace })
        assert.deepEqual(
          items.map((item) => item['hostPort'] ?? item['port']),
          expected,
        )
      }
    }))
  it('let objects be selected by the fields of each version, in lists and watches', () =>
    withWebhook(async ({ client, namespace }, things) => {
      const { metadata } = await client.list(things('v1'), { namespace })
      const resourceVersion = metadata?.resourceVersion ?? ''
      const select = (version: string, fieldSelector: string) => {
        const options = { namespace, fieldSelector }
        const names = async () => {
          const { items } = await client.list(things(version), options)
          return items.map(({ metadata }) => metadata?.name)
        }
        return { names, events: readEvents(client, things(version), { ...options, resourceVersion }) }
      }
      const [ofHost, ofBoth] = [select('v2', 'host=host1'), select('v2', 'host=host1,port=80')]
      const [ofText, ofOther] = [select('v1', 'hostPort=host1:80'), select('v1', 'hostPort=host1:8080')]
      const hosts = { a: ['host1', '80'], b: ['host1', '8080'], c: ['host2', '80'] }
      for (const [name, [host, port]] of Object.entries(hosts)) {
        await client.create(things('v2'), { metadata: { namespace, name }, host, port })
      }
      assert.deepEqual(await ofHost.names(), ['a', 'b'])
      assert.deepEqual(await ofBoth.names(), ['a'])
      assert.deepEqual(await ofText.names(), ['a'])
      assert.deepEqual(await ofOther.names(), ['b'])

      await client.deleteCollection(things('v2'), { namespace, fieldSelector: 'host=host1,port=80' })
      const body = { host: 'host2' }
      await client.patch(things('v2'), { namespace, name: 'b' }, { type: 'merge', body })
      assert.deepEqual(await ofHost.names(), [])
      assert.deepEqual(await ofBoth.names(), [])
      const told = async ({ events }: typeof ofHost, count: number) => {
        const found: string[] = []
        while (found.length < count) {
          const { type, object } = await events.next()
          found.push(`${type} ${object.metadata?.name}`)
        }
        return found
      }
      try {
        assert.deepEqual(await told(ofHost, 4), ['ADDED a', 'ADDED b', 'DELETED a', 'DELETED b'])
        for (const each of [ofBoth, ofText]) assert.deepEqual(await told(each, 2), ['ADDED a', 'DELETED a'])
        assert.deepEqual(await told(ofOther, 2), ['ADDED b', 'DELETED b'])
      } finally {
        for (const { events } of [ofHost, ofBoth, ofText, ofOther]) events.close()
      }
    }))
})
