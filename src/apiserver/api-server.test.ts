import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import {
  configMaps,
  endpoints,
  endpointSlices,
  namespaces,
  priorityClasses,
  services,
} from '../api/generated/resources.ts'
import { systemClock } from '../machinery/clock.ts'
import { silentLogger } from '../machinery/log.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../store/memory/memory-store.ts'
import type { AdmissionPlugin } from './admission/plugin.ts'
import { HttpsClient } from './testing/https-client.ts'
import { refusal, TestRequests } from './testing/test-requests.ts'
import { startTestServer, testToken } from './testing/test-server.ts'

const path = '/api/v1/namespaces/default/configmaps'

function aStore(): MemoryStore {
  return new MemoryStore({ clock: systemClock, log: silentLogger })
}

test('startApiServer makes what every cluster has, once', async () => {
  const store = aStore()
  const first = await startTestServer({ store })
  const { objects } = first.server
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    assert.equal(objects.get(namespaces, { name })?.status?.phase, 'Active', name)
  }
  const kubernetes = objects.get(services, { namespace: 'default', name: 'kubernetes' })
  assert.equal(kubernetes?.spec?.clusterIP, '10.96.0.1')
  assert.equal(objects.get(priorityClasses, { name: 'system-node-critical' })?.value, 2_000_001_000)
  await new TestRequests(first.server).create(configMaps, {
    metadata: { name: 'kept', namespace: 'default' },
  })
  await first.server.stop()

  await using second = await startTestServer({ store })
  const again = second.server.objects
  assert.equal(again.get(configMaps, { namespace: 'default', name: 'kept' })?.metadata?.name, 'kept')
  const moved = again.get(services, { namespace: 'default', name: 'kubernetes' })
  assert.equal(moved?.metadata?.uid, kubernetes?.metadata?.uid)
  assert.equal(moved?.spec?.ports?.[0]?.targetPort, second.server.port)
})

test('two API servers over one store see each other’s writes at once', async () => {
  const store = aStore()
  await using one = await startTestServer({ store })
  const two = await startTestServer({ store })
  const [first, second] = [new TestRequests(one.server), new TestRequests(two.server)]
  const created = await first.create(configMaps, { metadata: { name: 'shared', namespace: 'default' } })
  const name = { namespace: 'default', name: 'shared' }
  assert.deepEqual(await second.get(configMaps, name), created)
  await Promise.all(
    [first, second].flatMap((requests, server) =>
      Array.from({ length: 10 }, (_, index) =>
        requests.patch(configMaps, name, { data: { [`${server}-${index}`]: 'x' } }),
      ),
    ),
  )
  assert.equal(Object.keys((await first.get(configMaps, name)).data!).length, 20)
  await two.server.stop()
})

test('servers over one store are the endpoints of the Service kubernetes, as long as they are there', async () => {
  const store = aStore()
  await using one = await startTestServer({ store, advertiseAddress: '10.1.1.1' })
  const { objects } = one.server
  const name = { namespace: 'default', name: 'kubernetes' }
  const addresses = () => {
    const [subset] = objects.get(endpoints, name)?.subsets ?? []
    const slice = objects.get(endpointSlices, name)?.endpoints ?? []
    assert.deepEqual(
      slice.flatMap((endpoint) => endpoint.addresses),
      subset?.addresses?.map(({ ip }) => ip),
    )
    return subset?.addresses?.map(({ ip }) => ip)
  }
  assert.deepEqual(addresses(), ['10.1.1.1'])
  const two = await startTestServer({ store, advertiseAddress: '10.1.1.2' })
  assert.deepEqual(addresses(), ['10.1.1.1', '10.1.1.2'])
  await two.server.stop()
  assert.deepEqual(addresses(), ['10.1.1.1'])
})

test('stop waits for a store that does not answer, but not for ever', async () => {
  const clock = fakeClock()
  const store = aStore()
  const testServer = await startTestServer({ store, clock, advertiseAddress: '10.1.1.1' })
  store.delete = () => new Promise(() => {})
  const stopped = testServer.server.stop()
  await clock.advance(20_000)
  await stopped
  await store.close()
})

test('stop ends watches, lets requests finish, and closes the port', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const slow: AdmissionPlugin = {
    name: 'Slow',
    handles: ({ name }) => name === 'slow',
    validate: () => held,
  }
  const store = aStore()
  const testServer = await startTestServer({ store, admission: [slow] })
  const client = new HttpsClient(testServer)
  const watch = client.session.request({ ':path': `${path}?watch=1`, authorization: `Bearer ${testToken}` })
  watch.resume()
  await once(watch, 'response')
  const create = client.send1(path, { method: 'POST', body: { metadata: { name: 'slow' } } })
  const stopping = (async () => {
    while (testServer.server.objects.get(configMaps, { namespace: 'default', name: 'probe' }) === undefined) {
      await client.send(path, { method: 'POST', body: { metadata: { name: 'probe' } } })
    }
    return testServer.server.stop()
  })()
  await once(watch, 'end')
  release()
  assert.equal((await create).status, 201)
  await stopping
  await assert.rejects(client.send1('/healthz'), /ECONNREFUSED/)
  client.close()
  await store.close()
})

test('a request that takes too long is told so', async () => {
  const stuck: AdmissionPlugin = {
    name: 'Stuck',
    handles: ({ name }) => name === 'stuck',
    validate: () => new Promise(() => {}),
  }
  await using testServer = await startTestServer({ admission: [stuck] })
  const client = new HttpsClient(testServer)
  const body = { metadata: { name: 'stuck' } }
  const { status, text } = await client.send(`${path}?timeout=10ms`, { method: 'POST', body })
  assert.equal(status, 504)
  assert.match(text, /Timeout: request did not complete within requested timeout - context deadline exceeded/)
  client.close()
})

test('Objects reads, follows and changes', async () => {
  await using testServer = await startTestServer()
  const { objects } = testServer.server
  const seen: string[] = []
  const stop = objects.onChange(configMaps, (change) => {
    if (change.object.metadata?.namespace !== 'default') return
    seen.push(`${change.type} ${change.object.metadata?.name} ${change.object.data?.['n'] ?? ''}`)
    if (change.object.data?.['n'] === '2') throw new Error('a listener’s fault')
  })
  const name = { namespace: 'default', name: 'a' }
  await objects.create(configMaps, { metadata: name, data: { n: '1' } })
  await objects.change(configMaps, name, (configMap) => {
    configMap.data = { n: '2' }
  })
  const same = await objects.change(configMaps, name, () => {})
  assert.equal(same, objects.get(configMaps, name))
  assert.equal(await objects.getLatest(configMaps, name), same)
  assert.deepEqual(objects.list(configMaps, 'default'), [same])
  const refused = objects.change(configMaps, name, () => {
    throw new TypeError('no')
  })
  await assert.rejects(refused, TypeError)
  assert.match(await refusal(objects.change(configMaps, { ...name, name: 'b' }, () => {})), /^404/)
  await objects.delete(configMaps, name)
  stop()
  await objects.create(configMaps, { metadata: name })
  assert.deepEqual(seen, ['set a 1', 'set a 2', 'deleted a 2'])
})

test('a server that is to stop is not ready, and serves until the delay is over', async () => {
  const testServer = await startTestServer({ shutdownDelayMs: 500 })
  const client = new HttpsClient(testServer)
  assert.equal((await client.send('/readyz')).status, 200)
  const stopped = testServer[Symbol.asyncDispose]()
  const [ready, alive, list] = await Promise.all(
    ['/readyz', '/livez', '/api/v1/namespaces'].map((path) => client.send(path)),
  )
  assert.equal(ready!.status, 500)
  assert.match(ready!.text, /\[-\]shutdown failed/)
  assert.deepEqual([alive!.status, list!.status], [200, 200])
  const goneAway = once(client.session, 'goaway')
  await stopped
  await goneAway
  client.close()
})
