import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { events, pods } from '../../api/generated/resources.ts'
import type { Event, Pod } from '../../api/generated/core.v1.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { testContext, until, type TestContext } from '../testing/test-context.ts'
import { createEventRecorder, type RunningEventRecorder } from './event-recorder.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'n', uid: 'u', resourceVersion: '7' },
}

void describe('createEventRecorder', () => {
  let context: TestContext
  let recorder: RunningEventRecorder
  beforeEach(() => {
    context = testContext()
    recorder = createEventRecorder({ ...context, component: 'kubelet', host: 'node-1' })
  })

  async function written(): Promise<readonly Event[]> {
    await recorder.flush()
    return (await context.client.list(events)).items
  }

  void it('writes an event as client-go does', async () => {
    recorder.event(pod, 'Normal', 'Started', 'Started container web', { fieldPath: 'spec.containers{web}' })
    const [event] = await written()
    const nanoseconds = (BigInt(context.clock.now()) * 1_000_000n).toString(16)
    assert.deepEqual(
      { ...event, metadata: { name: event!.metadata.name, namespace: event!.metadata.namespace } },
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `web.${nanoseconds}`, namespace: 'n' },
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'web',
          namespace: 'n',
          uid: 'u',
          resourceVersion: '7',
          fieldPath: 'spec.containers{web}',
        },
        reason: 'Started',
        message: 'Started container web',
        source: { component: 'kubelet', host: 'node-1' },
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        count: 1,
        type: 'Normal',
        reportingComponent: 'kubelet',
        reportingInstance: 'node-1',
      },
    )
  })

  void it('has events wait when more would be written than may be', async () => {
    const rate = { qps: 2, burst: 2 }
    const slow = createEventRecorder({ ...context, component: 'kubelet', rate })
    const count = async () => (await context.client.list(events)).items.length
    let isDone = false
    for (const reason of ['A', 'B', 'C', 'D']) slow.event(pod, 'Normal', reason, reason)
    void slow.flush().then(() => (isDone = true))
    await context.clock.advance(499)
    assert.equal(await count(), 2)
    await context.clock.advance(1)
    assert.equal(await count(), 3)
    await context.clock.advance(500)
    await until(() => isDone)
    assert.equal(await count(), 4)
    slow.event(pod, 'Normal', 'E', 'E')
    await slow.stop()
    assert.equal(await count(), 4)
  })

  void it('counts repetitions up on the first', async () => {
    recorder.event(pod, 'Warning', 'BackOff', 'again')
    await recorder.flush()
    await context.clock.advance(61_000)
    recorder.event(pod, 'Warning', 'BackOff', 'again')
    const [event, ...others] = await written()
    assert.equal(others.length, 0)
    assert.equal(event!.count, 2)
    assert.equal(event!.firstTimestamp, '2026-01-01T00:00:00Z')
    assert.equal(event!.lastTimestamp, '2026-01-01T00:01:01Z')
  })

  void it('writes anew what expired, with its count', async () => {
    recorder.event(pod, 'Warning', 'BackOff', 'again')
    const [first] = await written()
    await context.client.delete(events, { namespace: 'n', name: first!.metadata.name! })
    recorder.event(pod, 'Warning', 'BackOff', 'again')
    const [event] = await written()
    assert.equal(event!.count, 2)
  })

  void it('combines similar events from the tenth message on', async () => {
    for (let index = 1; index <= 12; index++) recorder.event(pod, 'Warning', 'Failed', `message ${index}`)
    const all = await written()
    assert.equal(all.length, 10)
    const { count, message } = all.at(-1)!
    assert.deepEqual({ count, message }, { count: 3, message: '(combined from similar events): message 12' })
  })

  void it('lets through 25 about one object at once, then one every five minutes', async () => {
    const spam = () => recorder.event(pod, 'Normal', 'Spam', 'the same')
    for (let index = 0; index < 40; index++) spam()
    await recorder.flush()
    assert.equal(context.client.calls.length, 25)
    recorder.event({ ...pod, metadata: { ...pod.metadata, uid: 'other' } }, 'Normal', 'Spam', 'the same')
    await recorder.flush()
    assert.equal(context.client.calls.length, 26)
    await context.clock.advance(300_000)
    spam()
    spam()
    await recorder.flush()
    assert.equal(context.client.calls.length, 27)
  })

  void it('tries again while the server is unavailable, and gives up on a refusal', async () => {
    let failures = 3
    context.client.onWrite = () => {
      if (failures-- > 0) throw serviceUnavailable('down')
    }
    recorder.event(pod, 'Normal', 'A', 'a')
    await context.clock.advance(30_000)
    assert.equal((await written()).length, 1)
    context.client.onWrite = () => {
      throw new Error('refused')
    }
    recorder.event(pod, 'Normal', 'B', 'b')
    await recorder.flush()
    assert.equal(context.complaints.length, 1)
  })

  void it('drops what waits when stopped', async () => {
    context.client.onWrite = () => {
      throw serviceUnavailable('down')
    }
    recorder.event(pod, 'Normal', 'A', 'a')
    recorder.event(pod, 'Normal', 'B', 'b')
    await until(() => context.clock.pending === 1)
    await recorder.stop()
    assert.equal(context.clock.pending, 0)
    assert.equal((await context.client.list(pods)).items.length, 0)
  })
})
