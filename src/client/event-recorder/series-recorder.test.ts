import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { eventsV1 } from '../../api/generated/resources.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import type { RunningEventRecorder } from './event-recorder.ts'
import { createSeriesRecorder } from './series-recorder.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'n', uid: 'u', resourceVersion: '7' },
}

void describe('createSeriesRecorder', () => {
  let context: TestContext
  let recorder: RunningEventRecorder
  beforeEach(() => {
    context = testContext()
    recorder = createSeriesRecorder({ ...context, component: 'default-scheduler' })
  })
  afterEach(() => recorder.stop())

  const fail = (about = pod) =>
    recorder.event(about, 'Warning', 'FailedScheduling', '0/1 nodes are available', { action: 'Scheduling' })
  const written = async () => {
    await recorder.flush()
    return (await context.client.list(eventsV1)).items
  }

  void it('writes an event as client-go does', async () => {
    const related: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'other', namespace: 'n' } }
    recorder.event(pod, 'Normal', 'Preempted', 'Preempted by', { action: 'Preempting', related })
    const [event] = await written()
    const { name, namespace } = event!.metadata!
    const nanoseconds = (BigInt(context.clock.now()) * 1_000_000n).toString(16)
    assert.deepEqual(
      { ...event, metadata: { name, namespace } },
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: `web.${nanoseconds}`, namespace: 'n' },
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'default-scheduler',
        reportingInstance: `default-scheduler-${hostname()}`,
        action: 'Preempting',
        reason: 'Preempted',
        regarding: {
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'web',
          namespace: 'n',
          uid: 'u',
          resourceVersion: '7',
        },
        related: { apiVersion: 'v1', kind: 'Pod', name: 'other', namespace: 'n' },
        note: 'Preempted by',
        type: 'Normal',
      },
    )
  })

  void it('makes a series of what repeats, and writes its count when it is over', async () => {
    for (let times = 0; times < 5; times++) fail()
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [2],
    )
    await context.clock.advance(361_000)
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [2],
    )
    await context.clock.advance(360_000)
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [5],
    )
    fail()
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [5, undefined],
    )
  })

  void it('ends what it has known longest when there is too much', async () => {
    fail()
    fail()
    for (let index = 0; index < 4096; index++) {
      fail({ ...pod, metadata: { ...pod.metadata, uid: `u${index}` } })
      if (index % 500 === 0) await recorder.flush()
    }
    fail()
    await recorder.flush()
    const own = (await written()).filter(({ regarding }) => regarding?.uid === 'u')
    assert.deepEqual(
      own.map(({ series }) => series?.count),
      [2, undefined],
    )
  })

  void it('writes the count of a series that goes on every half an hour', async () => {
    for (let minutes = 0; minutes < 31; minutes++) {
      fail()
      await context.clock.advance(60_000)
    }
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [30],
    )
  })

  void it('forgets single events, and keeps those about different states apart', async () => {
    fail()
    fail({ ...pod, metadata: { ...pod.metadata, resourceVersion: '8' } })
    await context.clock.advance(721_000)
    fail()
    assert.deepEqual(
      (await written()).map(({ series }) => series),
      [undefined, undefined, undefined],
    )
  })

  void it('writes anew a series that expired', async () => {
    fail()
    const [first] = await written()
    await context.client.delete(eventsV1, { namespace: 'n', name: first!.metadata!.name! })
    fail()
    assert.deepEqual(
      (await written()).map(({ series }) => series?.count),
      [2],
    )
  })

  void it('cuts notes that are too long', async () => {
    recorder.event(pod, 'Warning', 'FailedScheduling', 'é'.repeat(600))
    const [event] = await written()
    assert.equal(event!.note, `${'é'.repeat(510)} ...`)
  })
})
