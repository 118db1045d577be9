import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { configMaps, pods, resourceQuotas, services } from '../api/generated/resources.ts'
import type { ConfigMap, Pod, Service } from '../api/generated/core.v1.ts'
import { createResourceQuota } from '../apiserver/admission/resource-quota/resource-quota.ts'
import { startTestServer, testToken, type TestServer } from '../apiserver/testing/test-server.ts'
import { createHttpClient, type HttpClient } from '../client/http/http-client.ts'
import { startWhenLeader } from '../client/leader-election.ts'
import { testContext } from '../client/testing/test-context.ts'
import { systemClock } from '../machinery/clock.ts'
import { silentLogger } from '../machinery/log.ts'
import type { KubernetesObject, WatchEvent } from '../machinery/meta.ts'
import { isConflict, isExpired, isForbidden, isInvalid } from '../machinery/status-errors.ts'
import { EtcdStore } from '../store/etcd/etcd-store.ts'
import { skipWithoutEtcd, startEtcd, type EtcdServer } from '../store/etcd/testing/etcd-server.ts'

const namespace = 'default'

/** Two API servers that know nothing of one another but the etcd that they share. */
describe('two API servers on one etcd', { skip: skipWithoutEtcd ?? false }, () => {
  let etcd: EtcdServer
  let servers: readonly TestServer[]
  let clients: readonly [HttpClient, HttpClient]

  before(async () => {
    etcd = await startEtcd()
    servers = await Promise.all(['10.0.0.1', '10.0.0.2'].map(startServer))
    clients = servers.map(clientOf) as unknown as readonly [HttpClient, HttpClient]
  })
  after(async () => {
    for (const client of clients) client.close()
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    await etcd[Symbol.asyncDispose]()
  })

  const startServer = (advertiseAddress: string): Promise<TestServer> =>
    startTestServer({
      store: new EtcdStore({ endpoints: [etcd.endpoint], clock: systemClock, log: silentLogger }),
      advertiseAddress,
      admission: (objects) => [createResourceQuota(objects, systemClock)],
    })

  /** The clients by turns: half of the requests go through each server. */
  const clientFor = (index: number): HttpClient => clients[(index % 2) as 0 | 1]

  it('show at once what was written through the other, to readers and to watchers', async () => {
    const [one, other] = clients
    const { metadata } = await one.list(configMaps, { namespace })
    const abort = new AbortController()
    const resourceVersion = metadata?.resourceVersion ?? ''
    const watch = other.watch(configMaps, { namespace, resourceVersion, signal: abort.signal })
    const events = watch[Symbol.asyncIterator]()
    let object: ConfigMap = { metadata: { namespace, name: 'seen' }, data: { step: '0' } }
    object = await one.create(configMaps, object)
    assert.deepEqual(await other.get(configMaps, { namespace, name: 'seen' }), object)
    assert.deepEqual(await nextEvent(events), { type: 'ADDED', object })
    for (const [step, client] of [one, other, one].entries()) {
      object = await client.update(configMaps, { ...object, data: { step: `${step + 1}` } })
      const listed = await clientFor(step).list(configMaps, {
        namespace,
        fieldSelector: 'metadata.name=seen',
      })
      assert.deepEqual(
        listed.items.map(({ data }) => data),
        [object.data],
      )
      assert.deepEqual(await nextEvent(events), { type: 'MODIFIED', object })
    }
    await one.delete(configMaps, { namespace, name: 'seen' })
    assert.equal((await nextEvent(events)).type, 'DELETED')
    abort.abort()
  })

  it('let one of two writers win, whichever server each of them asks', async () => {
    const created = await clients[0].create<ConfigMap>(configMaps, {
      metadata: { namespace, name: 'counter' },
      data: { count: '0' },
    })
    const outcomes = await Promise.allSettled(
      clients.map((client, index) => client.update(configMaps, { ...created, data: { count: `${index}0` } })),
    )
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const [refused] = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.ok(isConflict(refused?.reason))

    const writers = 8
    const increments = 5
    const start = Number((await clients[0].get(configMaps, { namespace, name: 'counter' })).data?.['count'])
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let done = 0; done < increments; done++) await increment(clientFor(writer), 'counter')
      }),
    )
    const { data } = await clients[1].get(configMaps, { namespace, name: 'counter' })
    assert.equal(data?.['count'], `${start + writers * increments}`)
  })

  it('give no address and no port to two Services', async () => {
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        clientFor(index).create<Service>(services, {
          metadata: { namespace, name: `s${index}` },
          spec: { type: 'NodePort', ports: [{ port: 80 }] },
        }),
      ),
    )
    assert.equal(new Set(made.map(({ spec }) => spec?.clusterIP)).size, made.length)
    assert.equal(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size, made.length)

    const chosen = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        clientFor(index).create<Service>(services, {
          metadata: { namespace, name: `chosen${index}` },
          spec: { type: 'NodePort', clusterIP: '10.96.7.7', ports: [{ port: 80, nodePort: 31_777 }] },
        }),
      ),
    )
    assert.equal(chosen.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of chosen) if (outcome.status === 'rejected') assert.ok(isInvalid(outcome.reason))
  })

  it('do not admit more than a quota allows, and count it right', async () => {
    const hard = { pods: '5' }
    const quota = await clients[0].create(resourceQuotas, {
      metadata: { namespace, name: 'q' },
      spec: { hard },
    })
    await clients[1].update(
      resourceQuotas,
      { ...quota, status: { hard, used: { pods: '0' } } },
      { subresource: 'status' },
    )
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => createPod(clientFor(index), `p${index}`)),
    )
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.ok(isForbidden(outcome.reason), String(outcome.reason))
    }
    const { items } = await clients[0].list(pods, { namespace })
    assert.equal(items.length, 5)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 5)
    const { status } = await clients[1].get(resourceQuotas, { namespace, name: 'q' })
    assert.deepEqual(status?.used, { pods: '5' })
    await clients[0].delete(resourceQuotas, { namespace, name: 'q' })
  })

  it('agree on one leader, and on the next when that one goes', async () => {
    const leading: string[] = []
    const candidates = clients.map((client, index) => {
      const identity = `candidate-${index}`
      const context = { ...testContext(), client, clock: systemClock }
      const options = { component: 'test', identity, retryPeriodMs: 50, lease: { namespace, name: 'test' } }
      return startWhenLeader(context, options, () => {
        leading.push(identity)
        assert.equal(leading.length, 1)
        return {
          name: 'led',
          ready: Promise.resolve(),
          health: () => undefined,
          stop: () => Promise.resolve(void leading.pop()),
        }
      })
    })
    const [first, second] = candidates
    await Promise.race(candidates.map(({ ready }) => ready))
    const leader = leading[0] === 'candidate-0' ? first! : second!
    const next = leader === first ? second! : first!
    await leader.stop()
    await next.ready
    assert.deepEqual(leading, [next === first ? 'candidate-0' : 'candidate-1'])
    await next.stop()
  })

  it('go on when history is given up, and one that comes later says what is gone', async () => {
    const [one, other] = clients
    const { metadata } = await one.list(configMaps, { namespace })
    const resourceVersion = metadata?.resourceVersion ?? ''
    const abort = new AbortController()
    const watch = one.watch(configMaps, { namespace, resourceVersion, signal: abort.signal })
    const events = watch[Symbol.asyncIterator]()
    const later = await other.create<ConfigMap>(configMaps, { metadata: { namespace, name: 'later' } })
    const { store } = servers[0]!
    await store.compact(await store.currentRevision())
    const latest = await other.create<ConfigMap>(configMaps, { metadata: { namespace, name: 'latest' } })
    assert.deepEqual(
      [await nextEvent(events), await nextEvent(events)].map(({ object }) => object),
      [later, latest],
    )
    abort.abort()

    await using newcomer = await startServer('10.0.0.3')
    const client = clientOf(newcomer)
    try {
      assert.ok(await client.get(configMaps, { namespace, name: 'later' }))
      const options = { namespace, resourceVersion }
      await assert.rejects(client.list(configMaps, { ...options, resourceVersionMatch: 'Exact' }), isExpired)
      const { signal } = new AbortController()
      const gone = client.watch(configMaps, { ...options, signal })[Symbol.asyncIterator]()
      await assert.rejects(gone.next(), isExpired)
    } finally {
      client.close()
    }
  })
})

function clientOf({ url, certificateAuthority }: TestServer): HttpClient {
  return createHttpClient({ server: url, caData: certificateAuthority, token: testToken })
}

async function nextEvent<T extends KubernetesObject>(
  events: AsyncIterator<WatchEvent<T>>,
): Promise<WatchEvent<T>> {
  const { value, done } = await events.next()
  assert.ok(!done, 'the watch has ended')
  return value
}

/** Reads and updates until nobody else writes in between. */
async function increment(client: HttpClient, name: string): Promise<void> {
  const current = await client.get(configMaps, { namespace, name })
  const count = `${Number(current.data?.['count']) + 1}`
  try {
    await client.update(configMaps, { ...current, data: { count } })
  } catch (error) {
    if (!isConflict(error)) throw error
    await increment(client, name)
  }
}

function createPod(client: HttpClient, name: string): Promise<Pod> {
  const spec = { containers: [{ name: 'c', image: 'i' }] }
  return client.create<Pod>(pods, { metadata: { namespace, name }, spec })
}
