import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { leases } from '../api/generated/resources.ts'
import { serviceUnavailable } from '../machinery/status-errors.ts'
import type { RunningComponent } from './component.ts'
import { startWhenLeader } from './leader-election.ts'
import { testContext, until, type TestContext } from './testing/test-context.ts'

const lease = { namespace: 'kube-system', name: 'test' }

void describe('startWhenLeader', () => {
  let context: TestContext
  let history: string[]
  let candidates: RunningComponent[]
  beforeEach(() => {
    context = testContext()
    history = []
    candidates = []
  })
  afterEach(() => Promise.all(candidates.map((candidate) => candidate.stop())))

  function candidate(identity: string): RunningComponent {
    const running = startWhenLeader(context, { component: 'test', identity }, () => {
      history.push(`${identity} leads`)
      return {
        name: 'led',
        ready: Promise.resolve(),
        health: () => undefined,
        stop: async () => void history.push(`${identity} stops`),
      }
    })
    candidates.push(running)
    return running
  }

  void it('leads at once where nobody does, and renews', async () => {
    await candidate('a').ready
    const { spec } = await context.client.get(leases, lease)
    assert.deepEqual(spec, {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    })
    await context.clock.advance(60_000)
    const renewed = await context.client.get(leases, lease)
    assert.equal(renewed.spec?.renewTime, '2026-01-01T00:01:00.000000Z')
    assert.equal(renewed.spec?.acquireTime, '2026-01-01T00:00:00.000000Z')
  })

  void it('hands over soon after the leader stops', async () => {
    const a = candidate('a')
    await a.ready
    const b = candidate('b')
    await context.clock.advance(60_000)
    assert.deepEqual(history, ['a leads'])
    await a.stop()
    await context.clock.advance(5_000)
    await b.ready
    assert.deepEqual(history, ['a leads', 'a stops', 'b leads'])
    assert.equal((await context.client.get(leases, lease)).spec?.leaseTransitions, 1)
  })

  void it('stops leading when it cannot renew for ten seconds, before another may lead', async () => {
    const a = candidate('a')
    await a.ready
    const stoppedAt = () => context.clock.monotonic()
    context.client.onWrite = ({ resource }) => {
      if (resource === 'leases.coordination.k8s.io') throw serviceUnavailable('down')
    }
    await context.clock.advance(9_999)
    assert.deepEqual(history, ['a leads'])
    await context.clock.advance(2_001)
    assert.deepEqual(history, ['a leads', 'a stops'])
    assert.ok(stoppedAt() < 15_000)
  })

  void it('takes over a lease that nobody renews, after its whole duration by its own clock', async () => {
    context.client.seed(leases, {
      metadata: lease,
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' },
    })
    const b = candidate('b')
    await context.clock.advance(14_000)
    assert.deepEqual(history, [])
    await context.clock.advance(6_000)
    await b.ready
    assert.deepEqual(history, ['b leads'])
  })

  void it('stops leading when another holds the lease', async () => {
    await candidate('a').ready
    const current = await context.client.get(leases, lease)
    await context.client.update(leases, { ...current, spec: { ...current.spec, holderIdentity: 'thief' } })
    await context.clock.advance(2_000)
    await until(() => history.length === 2)
    assert.deepEqual(history, ['a leads', 'a stops'])
  })

  void it('never has two leaders, whatever fails', async () => {
    for (const identity of ['a', 'b', 'c']) candidate(identity)
    let fails = false
    context.client.onWrite = ({ verb }) => {
      if (fails && verb !== 'create') throw serviceUnavailable('down')
    }
    for (let round = 0; round < 20; round++) {
      await context.clock.advance(7_000)
      fails = context.random.next() < 0.5
    }
    let leading = 0
    for (const entry of history) {
      leading += entry.endsWith('leads') ? 1 : -1
      assert.ok(leading <= 1, history.join(', '))
    }
    assert.ok(history.length > 2)
  })
})
