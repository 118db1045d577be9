import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { configMaps } from '../../api/generated/resources.ts'
import type { ConfigMap } from '../../api/generated/core.v1.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { testContext, until, type TestContext } from '../testing/test-context.ts'

const configMap = (name: string, data?: Record<string, string>): ConfigMap => ({
  metadata: { name, namespace: 'n' },
  ...(data && { data }),
})

void describe('createInformers', () => {
  let context: TestContext
  beforeEach(() => (context = testContext()))
  afterEach(() => context.informers.stop())

  for (const streamsLists of [true, false]) {
    void it(`lists and follows a server that ${streamsLists ? 'streams' : 'pages'} lists`, async () => {
      const { client, informers } = context
      client.streamsLists = streamsLists
      client.seed(configMaps, configMap('a'), configMap('b'))
      const informer = informers.informer(configMaps)
      await informers.synced()
      assert.equal(informer.list('n').length, 2)
      await client.delete(configMaps, { namespace: 'n', name: 'a' })
      const { metadata } = await client.create(configMaps, configMap('c'))
      await informer.waitFor(metadata!.resourceVersion!)
      assert.deepEqual(
        informer.list().map(({ metadata }) => metadata!.name),
        ['b', 'c'],
      )
      assert.deepEqual(context.complaints, [])
    })
  }

  void it('lists a server that does not know of streaming lists', async () => {
    const { client, clock, informers } = context
    client.streamsLists = 'unknown'
    client.seed(configMaps, configMap('a'))
    const informer = informers.informer(configMaps)
    await clock.advance(10_000)
    await informers.synced()
    assert.equal(informer.list('n').length, 1)
    assert.deepEqual(context.complaints, [])
  })

  void it('resumes after a dropped watch without a list, and missing nothing', async () => {
    const { client, informers } = context
    client.seed(configMaps, configMap('a'))
    const informer = informers.informer(configMaps)
    await informer.synced
    const seen: string[] = []
    informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata!.name}`))
    await client.create(configMaps, configMap('b'))
    await until(() => seen.length === 2)
    client.dropWatches()
    await client.create(configMaps, configMap('c'))
    await until(() => seen.length === 3)
    assert.deepEqual(seen, ['added a', 'added b', 'added c'])
  })

  void it('lists again when its position expired, telling only differences', async () => {
    const { client, informers, clock } = context
    client.seed(configMaps, configMap('same'), configMap('gone'))
    const informer = informers.informer(configMaps)
    await informer.synced
    const seen: string[] = []
    informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata!.name}`))
    seen.length = 0
    client.dropWatches(serviceUnavailable('down'))
    await until(() => clock.pending > 0)
    await client.delete(configMaps, { namespace: 'n', name: 'gone' })
    client.seed(configMaps, configMap('new'))
    client.compact()
    await clock.advance(2000)
    await until(() => seen.length === 2)
    assert.deepEqual(seen, ['added new', 'deleted gone'])
  })

  void it('waits 0.8 s doubling to 30 s, with up to as much by chance, between failures', async () => {
    const { client, informers, clock } = context
    const tries: number[] = []
    client.watch = () => {
      tries.push(clock.monotonic())
      throw serviceUnavailable('down')
    }
    informers.informer(configMaps)
    await clock.advance(300_000)
    const pauses = tries.slice(1).map((at, index) => at - tries[index]!)
    for (const [index, pause] of pauses.entries()) {
      const base = Math.min(30_000, 800 * 2 ** index)
      assert.ok(pause >= base && pause <= 2 * base, `pause ${index} is ${pause}`)
    }
    assert.ok(context.complaints.length === tries.length)
  })

  void it('shares one watch per resource and scope, and a full one with those who read only metadata', async () => {
    const { informers } = context
    const full = informers.informer(configMaps)
    assert.equal(informers.informer(configMaps), full)
    assert.equal(informers.informer(configMaps, { metadataOnly: true }), full)
    assert.notEqual(informers.informer(configMaps, { namespace: 'n' }), full)
    await informers.release(full as never)
    assert.notEqual(informers.informer(configMaps), full)
  })

  void it('holds only what its scope selects', async () => {
    const { client, informers } = context
    client.seed(configMaps, configMap('a'), configMap('b'))
    const informer = informers.informer(configMaps, { fieldSelector: 'metadata.name=a' })
    await informer.synced
    assert.deepEqual(
      informer.list().map(({ metadata }) => metadata!.name),
      ['a'],
    )
  })
})
