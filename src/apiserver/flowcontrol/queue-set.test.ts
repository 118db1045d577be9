import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { QueueSet, seatsOf, type Turn } from './queue-set.ts'
import { dealHand, flowHash } from './shuffle-sharding.ts'
import type { WorkEstimate } from './work-estimate.ts'

const queuing = { type: 'queue', queues: 8, handSize: 2, queueLengthLimit: 100 } as const
const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalLatencyMs: 0 }

/** A queue set whose requests are the names of their flows, each with queues of its own. */
function queueSet(limit: number, given: QueueSet<string>['queuing'] = queuing) {
  const clock = fakeClock()
  const begun: Turn<string>[] = []
  const set = new QueueSet<string>(clock, { onDispatch: (turn) => void begun.push(turn) }, given, limit)
  const start = (flow: string, work = oneSeat) => {
    const hand = given.type === 'queue' ? dealHand(flowHash('test', flow), given.queues, given.handSize) : []
    const answer = set.start(flow, work, hand)
    if (answer.type === 'begun') begun.push(answer.turn)
    return answer
  }
  return { clock, set, begun, start }
}

test('QueueSet takes what fits at once, lets the rest wait and begins it when seats are free', () => {
  const { set, start, begun } = queueSet(2)
  assert.deepEqual(
    ['a', 'a', 'a'].map((flow) => start(flow).type),
    ['begun', 'begun', 'waits'],
  )
  set.finish(begun[0]!)
  assert.equal(begun.length, 3)
  assert.deepEqual([set.executing, set.waiting, set.seatsInUse], [2, 0, 2])
})

test('QueueSet turns away what finds its queue full, and without queues what finds no seat', () => {
  const full = queueSet(1, { ...queuing, queues: 1, handSize: 1, queueLengthLimit: 2 })
  assert.deepEqual(
    ['a', 'a', 'a', 'a'].map((flow) => full.start(flow)).map((answer) => answer.type),
    ['begun', 'waits', 'waits', 'rejected'],
  )
  const { start } = queueSet(1, { type: 'reject' })
  assert.equal(start('a').type, 'begun')
  assert.deepEqual(start('b'), { type: 'rejected', reason: 'concurrency-limit' })
})

test('QueueSet serves an exempt level whatever its limit', () => {
  const { start } = queueSet(0, { type: 'exempt' })
  for (let count = 0; count < 50; count++) assert.equal(start('a').type, 'begun')
})

test('QueueSet lets a request larger than the limit go alone', () => {
  const { set, start, begun } = queueSet(2)
  assert.equal(start('a').type, 'begun')
  assert.equal(start('b', { ...oneSeat, initialSeats: 5 }).type, 'waits')
  set.finish(begun[0]!)
  assert.equal(begun[1]?.request, 'b')
  assert.equal(start('a').type, 'waits')
})

test('QueueSet keeps the seats of a change until its watches have heard of it', async () => {
  const { clock, set, start, begun } = queueSet(4)
  start('a', { initialSeats: 1, finalSeats: 4, additionalLatencyMs: 50 })
  assert.equal(start('b').type, 'waits')
  set.finish(begun[0]!)
  assert.equal(set.seatsInUse, 4)
  await clock.advance(49)
  assert.equal(begun.length, 1)
  await clock.advance(1)
  assert.deepEqual(
    begun.map(({ request }) => request),
    ['a', 'b'],
  )
})

test('QueueSet forgets a request that waits no longer', () => {
  const { set, start, begun } = queueSet(1)
  start('a')
  const waiting = start('b')
  assert.ok(waiting.type === 'waits' && set.cancel(waiting.turn))
  assert.equal(set.cancel(begun[0]!), false)
  set.finish(begun[0]!)
  assert.ok(set.isIdle)
})

test('QueueSet serves a flow with few requests before the many of another', async () => {
  const { clock, set, start, begun } = queueSet(2)
  for (let count = 0; count < 60; count++) start('elephant')
  await clock.advance(10)
  start('mouse')
  for (let ended = 0; !begun.some(({ request }) => request === 'mouse'); ended++) {
    assert.ok(ended <= 4, 'the mouse waits for the elephant')
    set.finish(begun[ended]!)
    await clock.advance(1)
  }
})

interface Step {
  readonly flow: number
  readonly seats: number
  readonly finalSeats: number
  readonly action: 'start' | 'finish' | 'cancel' | 'advance'
  readonly pick: number
}

const steps = fc.array(
  fc.record<Step>({
    flow: fc.nat(5),
    seats: fc.integer({ min: 1, max: 4 }),
    finalSeats: fc.nat(6),
    action: fc.constantFrom('start', 'start', 'start', 'finish', 'finish', 'cancel', 'advance'),
    pick: fc.nat(),
  }),
  { maxLength: 80 },
)

test('QueueSet conserves seats, exceeds its limit by no request but a large one alone, and starves none', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (plan, limit) => {
      const { clock, set, begun, start } = queueSet(limit)
      const waiting: Turn<string>[] = []
      const check = () => {
        const held = begun.filter(({ state }) => state === 'executing' || state === 'lingering')
        assert.equal(
          set.seatsInUse,
          held.reduce((all, { work }) => all + seatsOf(work), 0),
        )
        if (held.length > 1) assert.ok(set.seatsInUse <= limit)
        assert.equal(set.waiting, waiting.filter(({ state }) => state === 'waiting').length)
      }
      for (const { flow, seats, finalSeats, action, pick } of plan) {
        if (action === 'start') {
          const work = { initialSeats: seats, finalSeats, additionalLatencyMs: finalSeats > 0 ? 5 : 0 }
          const answer = start(`flow-${flow}`, work)
          if (answer.type === 'waits') waiting.push(answer.turn)
        } else if (action === 'advance') await clock.advance(pick % 20)
        else {
          const state = action === 'finish' ? 'executing' : 'waiting'
          const candidates = (action === 'finish' ? begun : waiting).filter((turn) => turn.state === state)
          const chosen = candidates[pick % Math.max(1, candidates.length)]
          if (chosen) {
            if (action === 'finish') set.finish(chosen)
            else set.cancel(chosen)
          }
        }
        check()
      }
      // Everything that waits has its turn once what is under way ends.
      for (let round = 0; round < 200 && !(set.isIdle && set.seatsInUse === 0); round++) {
        for (const turn of begun) if (turn.state === 'executing') set.finish(turn)
        await clock.advance(50)
        check()
      }
      assert.ok(set.isIdle && set.seatsInUse === 0)
    }),
    { numRuns: 60, seed: 7 },
  )
})

test('QueueSet shares seats equally among flows that always want more, whatever their requests last', async () => {
  const { clock, set, start, begun } = queueSet(4, { ...queuing, queues: 3, handSize: 1 })
  const flows = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const handOf = (flow: string) => dealHand(flowHash('test', flow), 3, 1)[0]
  const chosen = [0, 1, 2].map((queue) => flows.find((flow) => handOf(flow) === queue)!)
  const lastsMs = (flow: string) => [2, 5, 9][chosen.indexOf(flow)]!
  for (const flow of chosen) for (let count = 0; count < 50; count++) start(flow)
  const used = new Map<string, number>()
  for (let ms = 0; ms < 2_000; ms++) {
    await clock.advance(1)
    for (const turn of begun.filter(({ state }) => state === 'executing')) {
      used.set(turn.request, (used.get(turn.request) ?? 0) + 1)
      if (clock.monotonic() - turn.startedMs < lastsMs(turn.request)) continue
      set.finish(turn)
      start(turn.request)
    }
  }
  const shares = chosen.map((flow) => used.get(flow)! / (4 * 2_000))
  for (const share of shares) assert.ok(Math.abs(share - 1 / 3) < 0.02, `shares ${shares.join()}`)
})
