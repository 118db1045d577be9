import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { configMaps, pods } from '../../api/generated/resources.ts'
import { silentLogger } from '../../machinery/log.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { StatusError } from '../../machinery/status.ts'
import { fakeClock, type FakeClock } from '../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import type { WatchedEvent } from './cache-event.ts'
import { listQuery, type ListParameters } from './list-query.ts'
import { ObjectStorage } from './object-storage.ts'
import { everything, type Selection } from './selection.ts'
import { StoreFeed } from './store-feed.ts'
import { storedType } from './stored-object.ts'
import { WatchCache, type WatchStart } from './watch-cache.ts'
import { maxQueuedEvents } from './watcher.ts'

const prefix = '/registry/core/configmaps/'

let clock: FakeClock
let store: MemoryStore
let feed: StoreFeed
let cache: WatchCache
let storage: ObjectStorage
describe('watch cache', () => {
  beforeEach(async () => {
    clock = fakeClock()
    store = new MemoryStore({ clock, log: silentLogger })
    feed = await StoreFeed.open(store, clock, silentLogger)
    const type = storedType<KubernetesObject>(configMaps, {
      selectableFields: (object) => ({ color: object.metadata?.labels?.['color'] ?? '' }),
    })
    cache = new WatchCache(type, prefix, store, feed)
    storage = new ObjectStorage(store, cache)
  })

  function object(key: string, labels: Record<string, string> = {}): Writable<KubernetesObject> {
    const [namespace = '', name = ''] = key.split('/')
    return { metadata: { name, namespace, uid: `uid-of-${key}`, labels } }
  }

  async function create(key: string, labels?: Record<string, string>) {
    return storage.create(key, object(key, labels))
  }

  async function relabel(key: string, labels: Record<string, string>) {
    await storage.change(key, () => Promise.resolve({ type: 'write', object: object(key, labels) }))
  }

  async function remove(key: string) {
    await storage.change(key, () => Promise.resolve({ type: 'delete' }))
  }

  function list(parameters: ListParameters = {}, selection: Selection = everything) {
    return cache.list(selection, listQuery(selection, parameters))
  }

  async function names(parameters: ListParameters = {}, selection: Selection = everything) {
    return (await list(parameters, selection)).items.map(({ key }) => key)
  }

  const redOnceAsked: Selection = {
    ...everything,
    refine: async () => (stored) => stored.object.metadata?.labels?.['color'] === 'red',
  }

  const fromNow = (): WatchStart => ({
    type: 'changes',
    revision: cache.revision,
    wantsBookmarks: false,
    markInitialEventsEnd: false,
  })

  function text(event: WatchedEvent): string {
    if (event.type === 'BOOKMARK')
      return `BOOKMARK ${event.resourceVersion}${event.initialEventsEnd ? ' end' : ''}`
    if (event.type === 'ERROR') return `ERROR ${event.status.code} ${event.status.message}`
    const { name, resourceVersion, labels } = event.object.metadata ?? {}
    return `${event.type} ${name}@${resourceVersion}${labels ? ` ${JSON.stringify(labels)}` : ''}`
  }

  const withColor = (color: string): Selection => ({
    ...everything,
    matchesLabels: (labels) => labels['color'] === color,
  })

  test('WatchCache hands out the object that was written, with its resourceVersion, frozen', async () => {
    const stored = await create('a/one', { color: 'red' })
    assert.equal(cache.get('a/one'), stored)
    assert.equal(stored.object.metadata?.resourceVersion, stored.revision.toString())
    assert.throws(() => Object.assign(stored.object.metadata!.labels!, { color: 'blue' }), TypeError)
    assert.deepEqual(JSON.parse(stored.encodeLine().toString()), stored.object)
  })

  test('WatchCache reads what another server wrote, also in another form', async () => {
    const foreign = {
      metadata: { labels: { a: 'b' }, name: 'x', namespace: 'a' },
      kind: 'ConfigMap',
      apiVersion: 'v1',
    }
    const { revision } = await store.create(`${prefix}a/x`, Buffer.from(JSON.stringify(foreign)))
    const stored = cache.get('a/x')!
    assert.equal(stored.object.metadata?.resourceVersion, revision.toString())
    const line = JSON.parse(stored.encodeLine().toString()) as KubernetesObject
    assert.equal(line.metadata?.resourceVersion, revision.toString())
    assert.deepEqual(line.metadata?.labels, { a: 'b' })
  })

  test('WatchCache.list answers in key order, by namespace, name, labels and fields', async () => {
    for (const key of ['b/two', 'a-b/x', 'a/two', 'a/one'])
      await create(key, { color: key.startsWith('a/') ? 'red' : 'blue' })
    assert.deepEqual(await names(), ['a-b/x', 'a/one', 'a/two', 'b/two'])
    assert.deepEqual(await names({}, { namespace: 'a', name: '' }), ['a/one', 'a/two'])
    assert.deepEqual(await names({}, { namespace: '', name: 'two' }), ['a/two', 'b/two'])
    assert.deepEqual(await names({}, { namespace: 'a', name: 'two' }), ['a/two'])
    assert.deepEqual(await names({}, withColor('blue')), ['a-b/x', 'b/two'])
    const notRed: Selection = { ...everything, fields: [{ field: 'color', operator: '!=', value: 'red' }] }
    assert.deepEqual(await names({}, notRed), ['a-b/x', 'b/two'])
  })

  test('WatchCache.list pages through one state, whatever happens meanwhile', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(`n/${name}`)
    const first = await list({ limit: 2 }, { namespace: 'n', name: '' })
    assert.deepEqual(
      first.items.map(({ name }) => name),
      ['a', 'b'],
    )
    assert.equal(first.remainingItemCount, 3)
    await create('n/bb')
    await remove('n/d')
    await relabel('n/e', { color: 'red' })
    const second = await list({ limit: 2, continue: first.continue! }, { namespace: 'n', name: '' })
    assert.deepEqual(
      second.items.map(({ name }) => name),
      ['c', 'd'],
    )
    assert.equal(second.revision, first.revision)
    const third = await list({ limit: 2, continue: second.continue! }, { namespace: 'n', name: '' })
    assert.deepEqual(
      third.items.map(({ object: { metadata } }) => [metadata?.name, metadata?.labels]),
      [['e', undefined]],
    )
    assert.equal(third.continue, undefined)
    assert.deepEqual(await names({}, { namespace: 'n', name: '' }), ['n/a', 'n/b', 'n/bb', 'n/c', 'n/e'])
  })

  test('WatchCache.list tells an expired continue token what to go on with', async () => {
    for (const name of ['a', 'b', 'c']) await create(`n/${name}`)
    const first = await list({ limit: 1 })
    const reopened = await StoreFeed.open(store, clock, silentLogger)
    const later = new WatchCache(storedType<KubernetesObject>(configMaps), prefix, store, reopened)
    await create('n/aa')
    await store.compact(await store.currentRevision())
    const query = listQuery(everything, { limit: 1, continue: first.continue! })
    const lateFloor = new WatchCache(
      storedType<KubernetesObject>(configMaps),
      prefix,
      store,
      await StoreFeed.open(store, clock, silentLogger),
    )
    const failure = await lateFloor.list(everything, query).catch((error: unknown) => error)
    assert(failure instanceof StatusError)
    assert.equal(failure.status.code, 410)
    assert.equal(failure.status.reason, 'Expired')
    const token = failure.status.metadata?.continue
    const rest = await lateFloor.list(everything, listQuery(everything, { limit: 5, continue: token! }))
    assert.deepEqual(
      rest.items.map(({ name }) => name),
      ['aa', 'b', 'c'],
    )
    assert.equal(later.size, 4)
  })

  test('WatchCache.list cuts pages of what is selected, also where that is told only after a wait', async () => {
    const colors = { a: 'red', b: 'blue', c: 'red', d: 'blue', e: 'red' }
    for (const [name, color] of Object.entries(colors)) await create(`n/${name}`, { color })
    const first = await list({ limit: 2 }, redOnceAsked)
    assert.deepEqual(
      first.items.map(({ name }) => name),
      ['a', 'c'],
    )
    assert.equal(first.remainingItemCount, undefined)
    assert.deepEqual(await names({ limit: 2, continue: first.continue! }, redOnceAsked), ['n/e'])
    const started = await cache.watch(redOnceAsked, { ...fromNow(), type: 'state' })
    const events = await started.take()
    assert.deepEqual(
      events?.map((event) => 'stored' in event && event.stored.name),
      ['a', 'c', 'e'],
    )
    started.close()
  })

  test('WatchCache.list tells nothing of a past that the store has compacted', async () => {
    const { resourceVersion } = await create('n/a')
    for (const name of ['b', 'c']) await create(`n/${name}`)
    const first = await list({ limit: 1 })
    await create('n/d')
    const next = { limit: 1, continue: first.continue! }
    assert.equal((await list(next)).items[0]?.name, 'b')
    await store.compact(await store.currentRevision())
    for (const parameters of [next, { resourceVersion, resourceVersionMatch: 'Exact' }]) {
      const failure = await list(parameters).catch((error: unknown) => error)
      assert(failure instanceof StatusError)
      assert.equal(failure.status.reason, 'Expired')
      const token = failure.status.metadata?.continue
      assert.equal(token !== undefined, 'continue' in parameters)
    }
  })

  test('WatchCache.list answers for exact and future resource versions', async () => {
    const { resourceVersion } = await create('n/a')
    await create('n/b')
    assert.deepEqual(await names({ resourceVersion, resourceVersionMatch: 'Exact' }), ['n/a'])
    assert.deepEqual(await names({ resourceVersion, resourceVersionMatch: 'NotOlderThan' }), ['n/a', 'n/b'])
    assert.deepEqual(await names({ resourceVersion, limit: 5 }), ['n/a'])
    assert.deepEqual(await names({ resourceVersion: '0', limit: 1 }), ['n/a', 'n/b'])
    const future = list({ resourceVersion: '1000' }).catch((error: unknown) => error)
    await clock.advance(3_000)
    const failure = await future
    assert(failure instanceof StatusError)
    assert.equal(failure.status.code, 504)
    assert.equal(failure.status.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge')
  })

  test('WatchCache.watch tells changes as a selection sees them', async () => {
    await create('n/a', { color: 'red' })
    const all = await cache.watch(everything, fromNow())
    const red = await cache.watch(withColor('red'), fromNow())
    const byField = await cache.watch(
      { ...everything, fields: [{ field: 'color', operator: '=', value: 'red' }] },
      fromNow(),
    )
    const refined = await cache.watch(redOnceAsked, fromNow())
    const one = await cache.watch({ namespace: 'n', name: 'b' }, fromNow())
    const elsewhere = await cache.watch({ namespace: 'm', name: '' }, fromNow())
    await create('n/b', { color: 'blue' })
    await relabel('n/b', { color: 'red' })
    await relabel('n/a', { color: 'blue' })
    await remove('n/b')
    for (const watcher of [all, red, byField, refined, one, elsewhere]) watcher.end()
    const inRed = ['ADDED b@4 {"color":"red"}', 'DELETED a@5 {"color":"red"}', 'DELETED b@6 {"color":"red"}']
    assert.deepEqual((await all.take())?.map(text), [
      'ADDED b@3 {"color":"blue"}',
      'MODIFIED b@4 {"color":"red"}',
      'MODIFIED a@5 {"color":"blue"}',
      'DELETED b@6 {"color":"red"}',
    ])
    assert.deepEqual((await red.take())?.map(text), inRed)
    assert.deepEqual((await byField.take())?.map(text), inRed)
    assert.deepEqual((await refined.take())?.map(text), inRed)
    assert.deepEqual((await one.take())?.map(text), [
      'ADDED b@3 {"color":"blue"}',
      'MODIFIED b@4 {"color":"red"}',
      'DELETED b@6 {"color":"red"}',
    ])
    assert.equal(await elsewhere.take(), undefined)
    assert.equal(cache.watcherCount, 0)
  })

  test('WatchCache.watch begins after a revision, or with the state and a mark at its end', async () => {
    const { revision } = await create('n/a')
    await create('n/b')
    const late = await cache.watch(everything, { ...fromNow(), revision })
    assert.deepEqual((await late.take())?.map(text), ['ADDED b@3'])
    const state = await cache.watch(everything, {
      type: 'state',
      revision: 0n,
      wantsBookmarks: true,
      markInitialEventsEnd: true,
    })
    assert.deepEqual((await state.take())?.map(text), ['ADDED a@2', 'ADDED b@3', 'BOOKMARK 3 end'])
    cache.sendBookmarks()
    assert.deepEqual((await state.take())?.map(text), ['BOOKMARK 3'])
  })

  test('WatchCache.watch shares events and frames among watchers', async () => {
    const [one, two] = await Promise.all([
      cache.watch(everything, fromNow()),
      cache.watch(everything, fromNow()),
    ])
    await create('n/a')
    const [[first], [second]] = [(await one.take())!, (await two.take())!]
    assert.equal(first, second)
    assert(first?.type === 'ADDED')
    assert.equal(first.object, cache.get('n/a')?.object)
    assert.deepEqual(JSON.parse(first.frame.toString()), { type: 'ADDED', object: first.object })
    assert(first.frame.toString().endsWith('}\n'))
  })

  test('ObjectStorage gives out what it was given, undecoded, though the store brings other bytes', async () => {
    class CopyingStore extends MemoryStore {
      override create(key: string, value: Uint8Array) {
        return super.create(key, Uint8Array.from(value))
      }
      override update(key: string, value: Uint8Array, revision: bigint) {
        return super.update(key, Uint8Array.from(value), revision)
      }
    }
    const copying = new CopyingStore({ clock, log: silentLogger })
    const copyingFeed = await StoreFeed.open(copying, clock, silentLogger)
    const itsCache = new WatchCache(cache.type, prefix, copying, copyingFeed)
    const itsStorage = new ObjectStorage(copying, itsCache)
    for (const labels of [{ color: 'red' }, { color: 'blue' }]) {
      await itsStorage.change('n/a', () => Promise.resolve({ type: 'write', object: object('n/a', labels) }))
      assert.equal(itsCache.get('n/a')?.object.metadata?.labels, labels)
    }
    copyingFeed.close()
    await copying.close()
  })

  test('WatchCache.watch that is too old says so and ends', async () => {
    await create('n/a')
    const later = new WatchCache(
      storedType<KubernetesObject>(pods),
      prefix,
      store,
      await StoreFeed.open(store, clock, silentLogger),
    )
    const watcher = await later.watch(everything, { ...fromNow(), revision: 1n })
    assert.deepEqual((await watcher.take())?.map(text), ['ERROR 410 too old resource version: 1 (2)'])
    assert.equal(await watcher.take(), undefined)
  })

  test('WatchCache cuts off a watcher that does not read, and no other', async () => {
    const slow = await cache.watch(everything, fromNow())
    const fast = await cache.watch(everything, fromNow())
    await create('n/a')
    let seen = 0
    for (let index = 0; index <= maxQueuedEvents; index++) {
      await relabel('n/a', { index: String(index) })
      seen += (await fast.take())?.length ?? 0
    }
    assert.equal(seen, maxQueuedEvents + 2)
    assert.equal(slow.endReason, 'slow')
    assert.equal(await slow.take(), undefined)
    assert.equal(fast.endReason, 'open')
  })

  test('WatchCache reads the store anew when its history is lost, and ends its watches', async () => {
    await create('n/a')
    await create('n/b')
    const changes: string[] = []
    cache.subscribe(({ current, previous }) =>
      changes.push(`${previous?.key ?? '-'} > ${current?.key ?? '-'}`),
    )
    const watcher = await cache.watch(everything, fromNow())
    const entries = [
      {
        key: `${prefix}n/b`,
        value: cache.get('n/b')!.value,
        revision: cache.get('n/b')!.revision,
        createRevision: 3n,
      },
      { key: `${prefix}n/c`, value: cache.get('n/a')!.value, revision: 9n, createRevision: 9n },
    ]
    cache.onReplaced(entries, 9n)
    assert.equal(await watcher.take(), undefined)
    assert.deepEqual(changes, ['- > n/c', 'n/a > -'])
    const stale = await cache.watch(everything, { ...fromNow(), revision: 8n })
    assert.deepEqual((await stale.take())?.map(text), ['ERROR 410 too old resource version: 8 (9)'])
  })
})
