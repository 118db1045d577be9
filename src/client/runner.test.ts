import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { configMaps, secrets } from '../api/generated/resources.ts'
import type { ConfigMap } from '../api/generated/core.v1.ts'
import { keyOf } from '../machinery/resource.ts'
import type { RunningComponent } from './component.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from './reconciler.ts'
import { startReconciler } from './runner.ts'
import { testContext, until, type TestContext } from './testing/test-context.ts'

const configMap = (name: string, data?: Record<string, string>): ConfigMap => ({
  metadata: { name, namespace: 'n' },
  ...(data && { data }),
})

void describe('startReconciler', () => {
  let context: TestContext
  let running: RunningComponent | undefined
  beforeEach(() => (context = testContext()))
  afterEach(async () => {
    await running?.stop()
    await context.informers.stop()
  })

  function start(reconcile: Reconciler['reconcile'], rest: Partial<Reconciler> = {}): void {
    const watches = [on(configMaps, (object) => [keyOf(object)])]
    running = startReconciler({ name: 'test', watches, reconcile, ...rest }, context)
  }

  void it('runs for what there is, after the caches are full, and for each change', async () => {
    const runs: string[] = []
    context.client.seed(configMaps, configMap('a'), configMap('b'))
    start(async (key, { cache }) => {
      assert.equal(cache(configMaps).hasSynced, true)
      runs.push(key)
      return done
    })
    assert.match(running!.health()!, /not synced/)
    await running!.ready
    await until(() => runs.length === 2)
    assert.equal(running!.health(), undefined)
    await context.client.update(configMaps, configMap('a', { x: '1' }))
    await context.client.delete(configMaps, { namespace: 'n', name: 'b' })
    await until(() => runs.length === 4)
    assert.deepEqual(runs, ['n/a', 'n/b', 'n/a', 'n/b'])
  })

  void it('asks triggers with the old and the new object', async () => {
    const runs: string[] = []
    const owner = (object: ConfigMap) => (object.data?.['owner'] ? [object.data['owner']] : [])
    start(async (key) => (runs.push(key), done), { watches: [on(configMaps, owner)] })
    await running!.ready
    await context.client.create(configMaps, configMap('a', { owner: 'x' }))
    await until(() => runs.length === 1)
    await context.client.update(configMaps, configMap('a', { owner: 'y' }))
    await until(() => runs.length === 3)
    assert.deepEqual(runs, ['x', 'x', 'y'])
  })

  void it('runs a key again only when the cache has seen what the last run wrote', async () => {
    const { client } = context
    const held: (string | undefined)[] = []
    client.seed(configMaps, configMap('a'))
    const follow = client.watch.bind(client)
    const gate = Promise.withResolvers<void>()
    client.watch = async function* (resource, options) {
      for await (const event of follow(resource, options)) {
        if (event.type === 'MODIFIED') await gate.promise
        yield event
      }
    } as typeof client.watch
    start(async (key, { client, cache }) => {
      const current = cache(configMaps).get(key)!
      held.push(current.data?.['count'])
      if (held.length > 2) return done
      await client.update(configMaps, { ...current, data: { count: String(held.length) } })
      return again(1)
    })
    await until(() => held.length === 1)
    await context.clock.advance(1000)
    assert.equal(held.length, 1)
    gate.resolve()
    await until(() => context.client.calls.length === 1)
    await context.clock.advance(1000)
    await until(() => held.length >= 3)
    assert.deepEqual(held.slice(0, 3), [undefined, '1', '2'])
  })

  void it('counts runs that are put off, by what lags, and not what brings the cache there', async () => {
    const { client, metrics } = context
    client.seed(configMaps, configMap('a'))
    const follow = client.watch.bind(client)
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const passed = [...gates]
    client.watch = async function* (resource, options) {
      for await (const event of follow(resource, options)) {
        if (event.type === 'MODIFIED') await passed.shift()?.promise
        yield event
      }
    } as typeof client.watch
    const seen: (string | undefined)[] = []
    start(
      async (key, { client, cache }) => {
        const current = cache(configMaps).get(key)!
        seen.push(current.data?.['count'])
        if (seen.length > 1) return done
        await client.update(configMaps, { ...current, data: { count: '1' } })
        await client.update(configMaps, configMap('a', { count: '2' }))
        return done
      },
      { staleSyncs: { name: 'test_stale_sync_skips_total', help: 'Skips.' } },
    )
    const skips = () =>
      /^test_stale_sync_skips_total{group="",resource="configmaps"} (.*)$/m.exec(metrics.text())?.[1]
    await until(() => client.calls.length === 2)
    assert.equal(skips(), undefined)
    gates[0]!.resolve()
    await until(() => skips() !== undefined)
    assert.deepEqual([seen, skips()], [[undefined], '1'])
    gates[1]!.resolve()
    await until(() => seen.length === 2)
    assert.deepEqual([seen, skips()], [[undefined, '2'], '1'])
  })

  void it('waits for its deletions too', async () => {
    const { client } = context
    client.seed(configMaps, configMap('a'))
    const follow = client.watch.bind(client)
    const gate = Promise.withResolvers<void>()
    client.watch = async function* (resource, options) {
      for await (const event of follow(resource, options)) {
        if (event.type === 'DELETED') await gate.promise
        yield event
      }
    } as typeof client.watch
    const found: boolean[] = []
    start(async (key, { client, cache }) => {
      const current = cache(configMaps).get(key)
      found.push(current !== undefined)
      if (current) await client.delete(configMaps, { namespace: 'n', name: 'a' })
      return found.length < 2 ? again(1) : done
    })
    await until(() => client.calls.length === 1)
    await context.clock.advance(1000)
    assert.deepEqual(found, [true])
    gate.resolve()
    await until(() => found.length === 2)
    assert.deepEqual(found, [true, false])
  })

  void it('backs off when it throws, logging once per failure', async () => {
    let runs = 0
    context.client.seed(configMaps, configMap('a'))
    start(async () => {
      if (++runs < 3) throw new Error('broken')
      return done
    })
    await running!.ready
    await until(() => runs === 1)
    await context.clock.advance(5)
    assert.equal(runs, 2)
    await context.clock.advance(9)
    assert.equal(runs, 2)
    await context.clock.advance(1)
    assert.equal(runs, 3)
    assert.equal(context.complaints.length, 2)
    assert.match(context.metrics.text(), /workqueue_retries_total\{name="test"\} 2/)
  })

  void it('has as many keys in hand as it may, and never one twice', async () => {
    for (let index = 0; index < 5; index++) context.client.seed(configMaps, configMap(`c${index}`))
    const inHand = new Set<string>()
    let most = 0
    let runs = 0
    const reconcile = async (key: string) => {
      assert.equal(inHand.has(key), false)
      inHand.add(key)
      most = Math.max(most, inHand.size)
      await new Promise((resolve) => setImmediate(resolve))
      inHand.delete(key)
      runs += 1
      return runs < 20 ? again(0) : done
    }
    start(reconcile, { concurrency: 2 })
    await until(() => runs >= 20)
    assert.equal(most, 2)
  })

  void it('refuses a cache that it does not watch', async () => {
    let failure: unknown
    context.client.seed(configMaps, configMap('a'))
    start(async (_key, { cache }: ReconcileContext) => {
      try {
        cache(secrets)
      } catch (error) {
        failure = error
      }
      return done
    })
    await until(() => failure !== undefined)
    assert.match(String(failure), /test reads secrets without watching it/)
  })

  void it('leaves nothing behind when stopped', async () => {
    context.client.seed(configMaps, configMap('a'))
    start(async () => again(1000))
    await running!.ready
    await until(() => context.clock.pending === 1)
    await running!.stop()
    assert.equal(context.clock.pending, 0)
    running = undefined
  })
})
