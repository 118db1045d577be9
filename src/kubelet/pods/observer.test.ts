import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { RuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { tellingRuntime, type TellingRuntime } from '../testing/telling-runtime.ts'
import { observerMetrics } from './observer-metrics.ts'
import { createObserver, type Observer } from './observer.ts'

interface World extends TellingRuntime {
  readonly clock: ReturnType<typeof fakeClock>
  readonly observer: Observer
  readonly metrics: ReturnType<typeof createMetrics>
  /** Pods of which a change was told. */
  readonly changed: string[]
  /** Listings of everything since the last question. */
  listings(): number
  stateOf(uid: string): string | undefined
}

async function world(
  change: (runtime: ContainerRuntime) => ContainerRuntime = (same) => same,
): Promise<World> {
  const telling = tellingRuntime()
  const clock = fakeClock()
  const changed: string[] = []
  const metrics = createMetrics()
  const observer = createObserver({
    runtime: change(telling.runtime),
    clock,
    log: silentLogger,
    onChange: (uid) => changed.push(uid),
    metrics: observerMetrics(metrics, clock),
  })
  telling.addPod('a')
  await observer.relist()
  observer.start(() => true)
  return Object.assign(Object.create(telling) as TellingRuntime, {
    clock,
    observer,
    metrics,
    changed,
    listings() {
      const count = telling.calls.get('listContainers') ?? 0
      telling.calls.clear()
      return count
    },
    stateOf: (uid: string) => observer.get(uid).containers[0]?.state,
  })
}

/** One whose events have been followed for so long that nothing is listed any more. */
async function settled(change?: (runtime: ContainerRuntime) => ContainerRuntime): Promise<World> {
  const made = await world(change)
  await made.clock.advance(10_000)
  made.changed.length = 0
  made.calls.clear()
  return made
}

describe('an observer of a runtime that tells what happens', () => {
  it('lists nothing while nothing happens, but once a minute', async () => {
    const { clock, observer, listings } = await settled()
    await clock.advance(45_000)
    assert.equal(listings(), 0)
    await clock.advance(15_000)
    assert.equal(listings(), 1)
    await clock.advance(600_000)
    assert.equal(listings(), 10)
    assert.equal(observer.health(), undefined)
  })

  it('sees an end when the runtime answers with it, which is after it was told', async () => {
    const { clock, tell, answer, changed, stateOf, listings } = await settled()
    tell({ type: 'exited', id: 'c-a' })
    await clock.advance(40)
    assert.equal(stateOf('a'), 'running')
    answer('a', 'exited', 'Completed')
    await clock.advance(40)
    assert.equal(stateOf('a'), 'exited')
    assert.deepEqual(changed, ['a'])
    assert.equal(listings(), 1, 'only the pod is listed')
    await clock.advance(40_000)
    assert.equal(listings(), 0)
  })

  it('looks for an end that was told for as long as it takes', async () => {
    const { clock, tell, answer, stateOf, calls } = await settled()
    tell({ type: 'exited', id: 'c-a' })
    await clock.advance(50_000)
    assert.ok(calls.get('containerStatus')! <= 60, 'once a second at last')
    answer('a', 'exited')
    await clock.advance(1000)
    assert.equal(stateOf('a'), 'exited')
  })

  it('sees the end of a sandbox', async () => {
    const made = await settled()
    made.tell({ type: 'exited', id: 's-a' })
    await made.clock.advance(20)
    made.removePod('a')
    await made.clock.advance(100)
    assert.deepEqual(made.changed, ['a'])
    assert.deepEqual(made.observer.podUIDs(), [])
  })

  it('sees that somebody else has removed a pod', async () => {
    const made = await settled()
    made.tell({ type: 'removed', id: 'c-a' })
    made.tell({ type: 'removed', id: 's-a' })
    made.removePod('a')
    await made.clock.advance(50)
    assert.deepEqual(made.observer.podUIDs(), [])
    assert.deepEqual(made.changed, ['a'])
  })

  it('sees an end that was told before anybody knew of the container', async () => {
    const { clock, tell, addPod, answer, observer, stateOf } = await settled()
    tell({ type: 'started', id: 'c-b' })
    tell({ type: 'exited', id: 'c-b' })
    await clock.advance(30)
    addPod('b')
    await observer.refresh('b')
    assert.equal(stateOf('b'), 'running')
    answer('b', 'exited')
    await clock.advance(100)
    assert.equal(stateOf('b'), 'exited')
  })

  it('finds a pod that nobody here has begun', async () => {
    for (const id of ['c-b', 's-b']) {
      const { clock, tell, addPod, changed, stateOf, listings } = await settled()
      addPod('b')
      tell({ type: 'started', id })
      await clock.advance(1500)
      assert.deepEqual(changed, ['b'])
      assert.equal(stateOf('b'), 'running')
      assert.equal(listings(), 1, 'only the pod is listed')
    }
  })

  it('forgets what was told of containers that are nobody’s', async () => {
    const { clock, tell, calls } = await settled()
    tell({ type: 'exited', id: 'elsewhere' })
    await clock.advance(5000)
    calls.clear()
    await clock.advance(20_000)
    assert.equal(calls.size, 0)
  })

  it('says that memory ran out, also when the runtime comes to know it after the end', async () => {
    const { clock, tell, answer, changed, observer, calls } = await settled()
    tell({ type: 'exited', id: 'c-a' })
    tell({ type: 'outOfMemory', id: 'c-a' })
    answer('a', 'exited', 'Error')
    await clock.advance(100)
    assert.equal(observer.get('a').containers[0]?.reason, 'Error')
    answer('a', 'exited', 'OOMKilled')
    await clock.advance(200)
    assert.equal(observer.get('a').containers[0]?.reason, 'OOMKilled')
    assert.deepEqual(changed, ['a', 'a'])
    calls.clear()
    await clock.advance(20_000)
    assert.equal(calls.size, 0)
  })

  it('does not wait for a word about memory for ever', async () => {
    const { clock, tell, calls } = await settled()
    tell({ type: 'outOfMemory', id: 'c-a' })
    await clock.advance(8000)
    calls.clear()
    await clock.advance(20_000)
    assert.equal(calls.size, 0)
  })

  it('asks again where the runtime fails', async () => {
    const made = await settled()
    made.tell({ type: 'exited', id: 'c-a' })
    const { containerStatus } = made.runtime
    let failures = 3
    Object.assign(made.runtime, {
      containerStatus: async (id: string) => {
        if (failures-- > 0) throw new RuntimeError('unavailable', 'injected')
        return await containerStatus(id)
      },
    })
    made.answer('a', 'exited')
    await made.clock.advance(500)
    assert.equal(made.stateOf('a'), 'exited')
  })
})

describe('an observer of a runtime that does not tell', () => {
  const kinds: readonly (readonly [string, (runtime: ContainerRuntime) => ContainerRuntime])[] = [
    ['has no events', ({ events: _events, ...rest }) => rest],
    [
      'says that it has none',
      (runtime) => ({
        ...runtime,
        // eslint-disable-next-line require-yield
        async *events() {
          throw new RuntimeError('unimplemented', 'unknown service')
        },
      }),
    ],
    [
      'never subscribes',
      (runtime) => ({
        ...runtime,
        // eslint-disable-next-line require-yield
        async *events(signal) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      }),
    ],
  ]
  for (const [name, change] of kinds) {
    it(`lists once a second: ${name}`, async () => {
      const { clock, listings, answer, stateOf } = await settled(change)
      await clock.advance(10_000)
      assert.equal(listings(), 10)
      answer('a', 'exited')
      await clock.advance(1000)
      assert.equal(stateOf('a'), 'exited')
    })
  }

  it('lists at once when the events end, and once a second until they come again', async () => {
    for (const error of [undefined, new RuntimeError('unavailable', 'Connection dropped')]) {
      const made = await settled()
      const { clock, answer, stateOf, listings } = made
      answer('a', 'exited')
      made.endEvents(error)
      await clock.advance(1)
      assert.equal(stateOf('a'), 'exited')
      assert.equal(listings(), 1)
      assert.equal(made.listeners, 0)
      await clock.advance(2000)
      assert.equal(made.listeners, 1)
      assert.ok(listings() >= 1)
      await clock.advance(10_000)
      listings()
      await clock.advance(30_000)
      assert.equal(listings(), 0)
    }
  })

  it('sees what ended while the events were being lost, and is answered with only later', async () => {
    const made = await settled()
    made.endEvents()
    await made.clock.advance(1500)
    assert.equal(made.listeners, 1, 'subscribed again, after the end')
    await made.clock.advance(2000)
    made.answer('a', 'exited')
    await made.clock.advance(1000)
    assert.equal(made.stateOf('a'), 'exited')
  })

  it('sees what ended before it subscribed first', async () => {
    const made = await world()
    await made.clock.advance(500)
    made.answer('a', 'exited')
    await made.clock.advance(1000)
    assert.equal(made.stateOf('a'), 'exited')
  })

  it('finds by listing what the runtime forgot to tell', async () => {
    const { clock, answer, stateOf } = await settled()
    answer('a', 'exited')
    await clock.advance(60_000)
    assert.equal(stateOf('a'), 'exited')
  })

  it('follows a runtime that was away and comes back with other pods', async () => {
    const made = await settled()
    const { clock, observer, metrics } = made
    made.isAway = true
    await clock.advance(60_000)
    assert.equal(made.stateOf('a'), 'running', 'what was seen last stands')
    assert.equal(observer.health(), undefined)
    await clock.advance(150_000)
    assert.match(observer.health() ?? '', /the container runtime was last seen 2\d\ds ago/)
    made.removePod('a')
    made.addPod('b')
    made.isAway = false
    await clock.advance(2000)
    assert.deepEqual(observer.podUIDs(), ['b'])
    assert.equal(observer.health(), undefined)
    await clock.advance(10_000)
    made.tell({ type: 'exited', id: 'c-b' })
    made.answer('b', 'exited')
    await clock.advance(50)
    assert.equal(made.stateOf('b'), 'exited')
    const text = metrics.text()
    assert.match(text, /^kubelet_evented_pleg_connection_success_count 2$/m)
    assert.match(text, /^kubelet_pleg_relist_duration_seconds_count \d+$/m)
  })

  it('asks nothing any more when it is stopped', async () => {
    const made = await settled()
    made.tell({ type: 'exited', id: 'c-a' })
    await made.clock.advance(15)
    made.observer.stop()
    await made.clock.advance(10)
    made.calls.clear()
    await made.clock.advance(200_000)
    assert.equal(made.calls.size, 0)
    assert.equal(made.listeners, 0)
    assert.equal(made.clock.pending, 0)
  })
})
