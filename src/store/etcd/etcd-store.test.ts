import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Store } from '../store.ts'
import { recordWatch } from '../testing/recorded-watch.ts'
import { storeContract } from '../testing/store-contract.ts'
import { bytes, describeEvent } from '../testing/store-fixture.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import type { EtcdTls } from './connection.ts'
import { EtcdError } from './etcd-error.ts'
import { EtcdStore } from './etcd-store.ts'
import { type EtcdServer, skipWithoutEtcd, startEtcd } from './testing/etcd-server.ts'
import { writePki } from './testing/pki.ts'

let server: EtcdServer
before(async () => {
  if (!skipWithoutEtcd) server = await startEtcd()
})
after(async () => {
  if (!skipWithoutEtcd) await server[Symbol.asyncDispose]()
})

/** A store that leaves an empty etcd behind when disposed of. */
function open(endpoints: readonly string[] = [server.endpoint], tls?: EtcdTls): EtcdStore & AsyncDisposable {
  const store = new EtcdStore({ endpoints, tls, clock: systemClock, log: silentLogger })
  return Object.assign(store, {
    async [Symbol.asyncDispose]() {
      await clear(store)
      await store.close()
    },
  })
}

async function clear(store: Store): Promise<void> {
  const { entries } = await store.list('')
  await Promise.all(entries.map(({ key, revision }) => store.delete(key, revision)))
}

storeContract(
  'EtcdStore',
  async () => {
    const store = open()
    return {
      store,
      passTime: () => Promise.resolve(),
      async dispose() {
        await store.close()
        const cleaner = open()
        await clear(cleaner)
        await cleaner.close()
      },
    }
  },
  { skip: skipWithoutEtcd, operationsPerClient: 30 },
)

test('EtcdStore goes to the next endpoint when one does not answer', { skip: skipWithoutEtcd }, async () => {
  await using store = open(['http://127.0.0.1:1', server.endpoint])
  const watch = recordWatch(store, '/a/', await store.currentRevision())
  await store.create('/a/1', bytes('one'))
  await watch.until(() => watch.events.length === 1)
})

test(
  'EtcdStore resumes its watches, without loss, when etcd comes back',
  { skip: skipWithoutEtcd },
  async () => {
    await using own = await startEtcd()
    await using store = open([own.endpoint])
    const watch = recordWatch(store, '/a/', await store.currentRevision())
    const one = await store.create('/a/1', bytes('one'))
    await watch.until(() => watch.events.length === 1)
    await own.kill()
    const waiting = store.get('/a/1')
    await own.restart()
    assert.equal((await waiting)?.revision, one.revision)
    const two = await store.update('/a/1', bytes('two'), one.revision)
    await store.delete('/a/1', two.revision)
    await watch.until(() => watch.events.length === 3)
    await watch.reaches(await store.currentRevision())
    assert.deepEqual(watch.events.map(describeEvent), [
      'create /a/1 as one',
      'update /a/1 to two of one',
      'delete /a/1 of two',
    ])
    assert.equal(watch.ends, 0)
  },
)

test('EtcdStore fails after some patience when no endpoint answers', { skip: skipWithoutEtcd }, async () => {
  const clock = fakeClock()
  const store = new EtcdStore({
    endpoints: ['http://127.0.0.1:1'],
    clock: { ...clock, now: systemClock.now },
    log: silentLogger,
  })
  const failed = store.create('/a/1', bytes('one')).catch((error: unknown) => error)
  let error: unknown
  while (error === undefined) {
    await clock.advance(1000)
    error = await Promise.race([failed, clock.advance(0)])
  }
  assert.ok(error instanceof EtcdError)
  assert.equal(error.code, status.UNAVAILABLE)
  await store.close()
})

test('EtcdStore lists more entries than fit a page, at one revision', { skip: skipWithoutEtcd }, async () => {
  await using store = open()
  const keys = Array.from({ length: 2100 }, (_, index) => `/many/${String(index).padStart(5, '0')}`)
  await Promise.all(keys.map((key) => store.create(key, bytes(key))))
  const { entries, remaining } = await store.list('/many/')
  assert.deepEqual(
    entries.map(({ key }) => key),
    keys,
  )
  assert.equal(remaining, 0)
  const most = await store.list('/many/', { limit: 2050 })
  assert.deepEqual([most.entries.length, most.remaining], [2050, 50])
})

test(
  'EtcdStore hides what it writes to learn the progress of watches',
  { skip: skipWithoutEtcd },
  async () => {
    await using store = open()
    const all = recordWatch(store, '', await store.currentRevision())
    const watch = recordWatch(store, '/a/', await store.currentRevision())
    const one = await store.create('/a/1', bytes('one'))
    await watch.reaches(one.revision)
    await all.reaches(one.revision)
    assert.deepEqual(
      (await store.list('')).entries.map(({ key }) => key),
      ['/a/1'],
    )
    assert.deepEqual(all.events.map(describeEvent), ['create /a/1 as one'])
  },
)

test('EtcdStore speaks TLS with a client certificate', { skip: skipWithoutEtcd }, async () => {
  await using directory = await temporaryDirectory()
  const pki = await writePki(directory.path)
  await using own = await startEtcd({ tlsArguments: pki.etcdArguments })
  const tls = { ca: pki.ca, certificate: pki.certificate, key: pki.key }
  await using store = open([own.endpoint], tls)
  const { revision } = await store.create('/a/1', bytes('one'))
  assert.equal((await store.get('/a/1'))?.revision, revision)
})
