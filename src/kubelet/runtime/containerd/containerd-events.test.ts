import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import type { CriConnection } from '../cri/cri-connection.ts'
import { isRuntimeError, RuntimeError } from '../runtime-error.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { containerdEvents, eventOf } from './containerd-events.ts'
import {
  EnvelopeSchema,
  TaskDeleteSchema,
  ContainerEventSchema,
  TaskExitSchema,
  type Envelope,
} from './generated/events_pb.ts'

const envelope = (topic: string, value: Uint8Array = new Uint8Array()): Envelope =>
  create(EnvelopeSchema, { namespace: 'k8s.io', topic, event: { typeUrl: 't', value } })
const started = toBinary(ContainerEventSchema, create(ContainerEventSchema, { containerId: 'c' }))

/** containerd's event service, which begins to hear `subscribesAfterMs` after it was asked to. */
function fakeContainerd(clock: ReturnType<typeof fakeClock>, subscribesAfterMs = 0) {
  const state = { isDeaf: false, error: undefined as RuntimeError | undefined, published: 0 }
  let push: (envelope: Envelope | undefined) => void = () => {}
  const connection = {
    async call(_method: unknown, request: { topic: string }) {
      if (state.error) throw state.error
      state.published++
      if (!state.isDeaf) push(envelope(request.topic))
      return {}
    },
    async *stream(_method: unknown, request: { filters: string[] }, signal: AbortSignal) {
      if (state.error) throw state.error
      assert.ok(request.filters.every((filter) => filter.startsWith('namespace==k8s.io,topic=="/')))
      const queue: (Envelope | undefined)[] = []
      let wake = () => {}
      signal.addEventListener('abort', () => wake())
      clock.after(subscribesAfterMs, () => {
        push = (one) => {
          queue.push(one)
          wake()
        }
      })
      while (!signal.aborted) {
        while (queue.length > 0) {
          const next = queue.shift()
          if (!next) return
          yield next
        }
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  } as unknown as CriConnection
  return Object.assign(state, { connection, push: (one?: Envelope) => push(one) })
}

/** All that is told, and how it ended. */
function listen(containerd: ReturnType<typeof fakeContainerd>, clock: ReturnType<typeof fakeClock>) {
  const abort = new AbortController()
  const heard: RuntimeEvent[] = []
  const result = { heard, abort, end: undefined as unknown }
  void (async () => {
    for await (const event of containerdEvents(containerd.connection, clock, abort.signal)) heard.push(event)
  })().then(
    () => (result.end = 'ended'),
    (error: unknown) => (result.end = error),
  )
  return result
}

describe('containerdEvents', () => {
  it('is subscribed when an event of its own has come back, and not before', async () => {
    const clock = fakeClock()
    const containerd = fakeContainerd(clock, 300)
    const { heard, abort } = listen(containerd, clock)
    await clock.advance(250)
    assert.deepEqual(heard, [])
    await clock.advance(500)
    assert.deepEqual(heard, [{ type: 'subscribed' }])
    containerd.push(envelope('/tasks/start', started))
    await clock.advance(1)
    assert.deepEqual(heard.at(-1), { type: 'started', id: 'c' })
    abort.abort()
    await clock.advance(1)
    assert.equal(clock.pending, 0)
  })

  it('rejects when its own events do not come any more', async () => {
    const clock = fakeClock()
    const containerd = fakeContainerd(clock)
    const listener = listen(containerd, clock)
    await clock.advance(300_000)
    assert.deepEqual(listener.heard, [{ type: 'subscribed' }])
    assert.ok(containerd.published >= 10 && containerd.published <= 12, 'twice a minute')
    containerd.isDeaf = true
    await clock.advance(45_000)
    assert.ok(isRuntimeError(listener.end, 'deadlineExceeded'))
    assert.equal(clock.pending, 0)
  })

  it('rejects as containerd does', async () => {
    for (const reason of ['unimplemented', 'unavailable'] as const) {
      const clock = fakeClock()
      const containerd = fakeContainerd(clock)
      containerd.error = new RuntimeError(reason, 'injected')
      const listener = listen(containerd, clock)
      await clock.advance(10)
      assert.ok(isRuntimeError(listener.end, reason))
      assert.equal(clock.pending, 0)
    }
  })

  it('ends with the stream', async () => {
    const clock = fakeClock()
    const containerd = fakeContainerd(clock)
    const listener = listen(containerd, clock)
    await clock.advance(100)
    containerd.push()
    await clock.advance(1)
    assert.equal(listener.end, 'ended')
    assert.equal(clock.pending, 0)
  })
})

describe('eventOf', () => {
  const exit = (containerId: string, id: string) =>
    envelope('/tasks/exit', toBinary(TaskExitSchema, create(TaskExitSchema, { containerId, id })))
  const deletion = (containerId: string, id: string) =>
    envelope('/tasks/delete', toBinary(TaskDeleteSchema, create(TaskDeleteSchema, { containerId, id })))
  const rows: readonly (readonly [string, Envelope, RuntimeEvent | undefined])[] = [
    ['a container that ends', exit('c', 'c'), { type: 'exited', id: 'c' }],
    ['a command in a container that ends', exit('c', 'command'), undefined],
    ['the removal of what has ended', deletion('c', ''), { type: 'exited', id: 'c' }],
    ['the removal of a command', deletion('c', 'command'), undefined],
    ['want of memory', envelope('/tasks/oom', started), { type: 'outOfMemory', id: 'c' }],
    ['a start', envelope('/tasks/start', started), { type: 'started', id: 'c' }],
    ['a removal', envelope('/containers/delete', started), { type: 'removed', id: 'c' }],
    ['anything else', envelope('/images/create'), undefined],
  ]
  for (const [name, given, expected] of rows) {
    it(name, () => assert.deepEqual(eventOf(given), expected))
  }
})
