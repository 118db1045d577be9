import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { configMaps, deployments, namespaces, pods } from '../api/generated/resources.ts'
import type { ConfigMap } from '../api/generated/core.v1.ts'
import { startTestServer, testUser, type TestServer } from '../apiserver/testing/test-server.ts'
import type { Authorizer } from '../apiserver/authorization/authorizer.ts'
import type { Client } from '../client/client.ts'
import type { KubernetesObject, Status, WatchEvent } from '../machinery/meta.ts'
import { isExpired, isForbidden } from '../machinery/status-errors.ts'
import { inProcessClient } from './in-process-client.ts'

const onlyTester: Authorizer = {
  name: 'onlyTester',
  authorize: ({ user }) =>
    user.name === testUser.name || user.groups.includes('system:masters')
      ? { type: 'allow', reason: '' }
      : { type: 'noOpinion', reason: '' },
}

let testServer: TestServer
let client: Client

before(async () => {
  testServer = await startTestServer({ authorizer: onlyTester })
  client = inProcessClient(testServer.server, testUser)
})
after(() => testServer[Symbol.asyncDispose]())

const named = (name: string) => ({ namespace: 'default', name })

function watched(signal: AbortSignal, resourceVersion: string) {
  return client.watch(configMaps, { namespace: 'default', resourceVersion, signal })
}

test('inProcessClient hands out the objects of the watch cache, and copies what it is given', async () => {
  const given: ConfigMap = { metadata: named('mine'), data: { a: 'b' } }
  const created = await client.create(configMaps, given)
  assert.equal(given.metadata?.uid, undefined)
  assert(!Object.isFrozen(given.data))
  Object.assign(given.data!, { a: 'changed' })
  assert.equal(created.data?.['a'], 'b')
  const cached = testServer.server.objects.get(configMaps, named('mine'))
  assert.equal(created, cached)
  assert.equal(await client.get(configMaps, named('mine')), cached)
  const { items, kind } = await client.list(configMaps, { namespace: 'default' })
  assert.equal(kind, 'ConfigMapList')
  assert(items.includes(created))
})

test('inProcessClient watches the same objects, until told to stop', async () => {
  const { metadata } = await client.list(configMaps)
  const abort = new AbortController()
  const events: WatchEvent<ConfigMap>[] = []
  const watching = (async () => {
    for await (const event of watched(abort.signal, metadata.resourceVersion!)) {
      events.push(event)
      if (events.length === 3) abort.abort()
    }
  })()
  const created = await client.create(configMaps, { metadata: named('seen') })
  const patched = await client.patch(configMaps, named('seen'), { type: 'merge', body: { data: { x: 'y' } } })
  await client.delete(configMaps, named('seen'))
  await watching
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  )
  assert.equal(events[0]?.object, created)
  assert.equal(events[1]?.object, patched)
})

test('inProcessClient throws what a watch ends with', async () => {
  const tooOld = async () => {
    for await (const _event of watched(new AbortController().signal, '1')) assert.fail('no event can come')
  }
  // The cache began at revision 1: only a later start can be too old.
  const later = await startTestServer({ store: testServer.store, authorizer: onlyTester })
  client = inProcessClient(later.server, testUser)
  await assert.rejects(tooOld(), isExpired)
  client = inProcessClient(testServer.server, testUser)
  await later.server.stop()
})

test('inProcessClient ends a watch after its timeout', async () => {
  const signal = new AbortController().signal
  const events: WatchEvent<KubernetesObject>[] = []
  const options = {
    signal,
    timeoutSeconds: 0.01,
    allowWatchBookmarks: true,
    fieldSelector: 'metadata.name=default',
  }
  for await (const event of client.watch(namespaces, options)) events.push(event)
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'BOOKMARK', 'BOOKMARK'],
  )
})

test('inProcessClient is authorised as its user', async () => {
  const nobody = inProcessClient(testServer.server, { name: 'nobody', groups: [] })
  await assert.rejects(nobody.get(configMaps, named('mine')), isForbidden)
  await assert.rejects(nobody.raw('/version'), isForbidden)
  await assert.rejects(
    nobody.create(configMaps, { metadata: named('x') }),
    /cannot create resource "configmaps"/,
  )
})

test('inProcessClient writes subresources, collections and dry runs', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template }
  const deployment = await client.create(deployments, { metadata: named('d'), spec })
  const status = { replicas: 3, observedGeneration: 1 }
  const reported = await client.update(deployments, { ...deployment, status }, { subresource: 'status' })
  assert.equal(reported.status?.replicas, 3)
  const scale = await client.getSubresource<KubernetesObject & { spec: object }>(
    deployments,
    named('d'),
    'scale',
  )
  await client.updateSubresource(deployments, named('d'), 'scale', {
    ...scale,
    spec: { replicas: 4 },
  } as KubernetesObject)
  assert.equal((await client.get(deployments, named('d'))).spec?.replicas, 4)
  await client.create(pods, { metadata: named('p'), spec: template.spec })
  const binding = { metadata: named('p'), target: { name: 'n' } } as KubernetesObject
  const bound = await client.createSubresource<Status>(pods, named('p'), 'binding', binding)
  assert.equal(bound.status, 'Success')
  await client.create(configMaps, { metadata: named('dry') }, { dryRun: 'All' })
  await assert.rejects(client.get(configMaps, named('dry')), /not found/)
  await client.deleteCollection(configMaps, { namespace: 'default', propagationPolicy: 'Background' })
  assert.deepEqual((await client.list(configMaps, { namespace: 'default' })).items, [])
})

test('inProcessClient reads any path', async () => {
  assert.equal(await client.raw('/readyz'), 'ok')
  assert.equal((JSON.parse(await client.raw('/api/v1')) as { kind: string }).kind, 'APIResourceList')
  await assert.rejects(client.raw('/api/v1/namespaces/none'), /namespaces "none" not found/)
})
