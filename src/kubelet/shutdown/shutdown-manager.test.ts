import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { ShutdownInhibitor } from './inhibitor.ts'
import { parseSignal } from './logind-inhibitor.ts'
import { groupByPriority, periodsOf } from './shutdown-groups.ts'
import { createShutdownManager } from './shutdown-manager.ts'

const critical = 2_000_000_000

function aPod(name: string, priority: number, graceSeconds = 30): Pod {
  return {
    metadata: { name, uid: name },
    spec: { priority, terminationGracePeriodSeconds: graceSeconds, containers: [] },
  }
}

/** Lets what has been resolved go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function aShutdown(test: { after(end: () => void): void }, pods: readonly Pod[], delayMs = 5000) {
  const clock = fakeClock()
  const told: string[] = []
  const ended = new Set<string>()
  let delay = delayMs
  let tell: (isShuttingDown: boolean) => void = () => {}
  let endWatch = () => {}
  const inhibitor: ShutdownInhibitor = {
    delayMs: () => Promise.resolve(delay),
    async setDelay(wantedMs) {
      told.push(`delay ${wantedMs}`)
      delay = wantedMs
    },
    async lock() {
      told.push('lock')
      return () => told.push('release')
    },
    async watch(onShutdown) {
      tell = onShutdown
      const ending = Promise.withResolvers<void>()
      endWatch = ending.resolve
      return { ended: ending.promise, stop: ending.resolve }
    },
  }
  const manager = createShutdownManager({
    inhibitor,
    periods: periodsOf(30_000, 10_000),
    clock,
    log: silentLogger,
    metrics: createMetrics(),
    pods: () => pods,
    end: ({ metadata }, { reason, graceSeconds }) => told.push(`${reason} ${metadata?.name} ${graceSeconds}`),
    hasEnded: ({ metadata }) => ended.has(metadata?.name ?? ''),
    onChange: () => told.push('changed'),
  })
  test.after(() => manager.stop())
  await settle()
  return {
    clock,
    told,
    ended,
    manager,
    async tell(isShuttingDown: boolean) {
      tell(isShuttingDown)
      await settle()
    },
    async loseWatch() {
      endWatch()
      await settle()
    },
    async advance(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        await clock.advance(100)
        await settle()
      }
    },
  }
}

describe('createShutdownManager', () => {
  it('has the machine wait for it, as long as it needs', async (test) => {
    const { told } = await aShutdown(test, [])
    assert.deepEqual(told, ['delay 30000', 'lock'])
  })

  it('leaves the delay of the machine where it is enough', async (test) => {
    const { told } = await aShutdown(test, [], 60_000)
    assert.deepEqual(told, ['lock'])
  })

  it('ends ordinary pods first, critical ones when those are gone, and then lets the machine go', async (test) => {
    const world = await aShutdown(test, [
      aPod('system', critical),
      aPod('short', 0, 5),
      aPod('long', 100, 60),
    ])
    const { told, ended, manager } = world
    told.length = 0
    await world.tell(true)
    assert.equal(manager.problem, 'node is shutting down')
    assert.deepEqual(told, ['changed', 'Terminated short 5', 'Terminated long 20'])
    ended.add('short').add('long')
    await world.advance(100)
    assert.deepEqual(told.slice(3), ['Terminated system 10'])
    ended.add('system')
    await world.advance(100)
    assert.deepEqual(told.slice(4), ['release'])
  })

  it('waits for pods no longer than their group may take', async (test) => {
    const world = await aShutdown(test, [aPod('stuck', 0), aPod('system', critical)])
    world.told.length = 0
    await world.tell(true)
    await world.advance(19_900)
    assert.equal(world.told.length, 2)
    await world.advance(200)
    assert.equal(world.told.at(-1), 'Terminated system 10')
    await world.advance(10_100)
    assert.equal(world.told.at(-1), 'release')
  })

  it('takes the lock again when the shutdown is called off', async (test) => {
    const world = await aShutdown(test, [])
    await world.tell(true)
    assert.equal(world.told.at(-1), 'release')
    await world.tell(false)
    assert.equal(world.told.at(-1), 'lock')
    assert.equal(world.manager.problem, undefined)
  })

  it('watches again when what tells of shutdowns has gone', async (test) => {
    const world = await aShutdown(test, [])
    world.told.length = 0
    await world.loseWatch()
    await world.advance(1000)
    assert.deepEqual(world.told, ['release', 'lock'])
  })
})

describe('groupByPriority', () => {
  const periods = [
    { priority: 10_000, shutdownGracePeriodSeconds: 20 },
    { priority: 100, shutdownGracePeriodSeconds: 10 },
  ]
  const rows: readonly (readonly [number, number])[] = [
    [0, 100],
    [100, 100],
    [9999, 100],
    [10_000, 10_000],
    [critical, 10_000],
  ]
  for (const [priority, group] of rows) {
    it(`puts priority ${priority} with ${group}`, () => {
      const groups = groupByPriority(periods, [aPod('pod', priority)])
      assert.deepEqual(
        groups.map((one) => [one.priority, one.pods.length]),
        [
          [100, group === 100 ? 1 : 0],
          [10_000, group === 10_000 ? 1 : 0],
        ],
      )
    })
  }
})

describe('parseSignal', () => {
  it('reads what busctl tells of the signal, and nothing else', () => {
    const line = (member: string, data: unknown) =>
      JSON.stringify({ type: 'signal', member, payload: { type: 'b', data: [data] } })
    assert.equal(parseSignal(line('PrepareForShutdown', true)), true)
    assert.equal(parseSignal(line('PrepareForShutdown', false)), false)
    assert.equal(parseSignal(line('PrepareForSleep', true)), undefined)
    assert.equal(parseSignal('Monitoring bus message stream.'), undefined)
  })
})
