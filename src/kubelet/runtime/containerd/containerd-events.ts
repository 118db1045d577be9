import { randomUUID } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import type { Clock } from '../../../machinery/clock.ts'
import type { CriConnection } from '../cri/cri-connection.ts'
import { RuntimeError } from '../runtime-error.ts'
import type { RuntimeEvent } from '../runtime.ts'
import {
  Events,
  TaskDeleteSchema,
  ContainerEventSchema,
  TaskExitSchema,
  type Envelope,
} from './generated/events_pb.ts'

/** What CRI makes stands in this namespace of containerd. */
const namespace = 'k8s.io'
const headers = { 'containerd-namespace': namespace }
const topics = ['/tasks/start', '/tasks/exit', '/tasks/delete', '/tasks/oom', '/containers/delete']
const pingPeriodMs = 30_000
/** How long an event of our own may take to come back. */
const pingTimeoutMs = 10_000

/**
 * What containerd's own event service tells, on the socket that CRI is on; every version since 1.0 has it. containerd
 * does not say when a subscription has begun, and a stream may fall silent without ending: both are proved by an event
 * of our own that has to come back, at first and twice a minute. Rejects with a RuntimeError: `unimplemented` where the
 * service is missing.
 */
export async function* containerdEvents(
  connection: CriConnection,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<RuntimeEvent> {
  const ping = `/k8ts/ping/${randomUUID()}`
  const filters = [...topics, ping].map((topic) => `namespace==${namespace},topic=="${topic}"`)
  const silence = new AbortController()
  const both = AbortSignal.any([signal, silence.signal])
  let cancel = () => {}
  let isSubscribed = false

  function lose(error: unknown): void {
    cancel()
    silence.abort(error)
  }

  /** Again and again at first: what is told before the subscription has begun comes to nobody. */
  function sendPing(): void {
    const start = clock.monotonic()
    const giveUp = clock.after(pingTimeoutMs, () =>
      lose(new RuntimeError('deadlineExceeded', 'the events of containerd do not come')),
    )
    let again = () => {}
    cancel = () => {
      giveUp()
      again()
    }
    const send = () => {
      connection
        .call(
          Events.method.publish,
          { topic: ping, event: { typeUrl: 'k8ts.Ping' } },
          { headers, timeoutMs: pingTimeoutMs },
        )
        .catch(lose)
      const delayMs = Math.max(20, clock.monotonic() - start)
      again = clock.after(delayMs, send)
    }
    send()
  }

  function pingCame(): void {
    cancel()
    cancel = clock.after(pingPeriodMs, sendPing)
  }

  sendPing()
  try {
    for await (const envelope of connection.stream(Events.method.subscribe, { filters }, both, headers)) {
      if (envelope.topic === ping) {
        pingCame()
        if (!isSubscribed) yield { type: 'subscribed' }
        isSubscribed = true
        continue
      }
      const event = eventOf(envelope)
      if (event) yield event
    }
    if (silence.signal.aborted) throw silence.signal.reason
  } finally {
    cancel()
  }
}

/** Undefined for what became of processes beside a container's first: commands, probes. */
export function eventOf({ topic, event }: Envelope): RuntimeEvent | undefined {
  const bytes = event?.value ?? new Uint8Array()
  switch (topic) {
    case '/tasks/start':
      return { type: 'started', id: fromBinary(ContainerEventSchema, bytes).containerId }
    case '/tasks/oom':
      return { type: 'outOfMemory', id: fromBinary(ContainerEventSchema, bytes).containerId }
    case '/containers/delete':
      return { type: 'removed', id: fromBinary(ContainerEventSchema, bytes).containerId }
    // CRI tells of an end only after it has had the task deleted.
    case '/tasks/exit': {
      const { containerId, id } = fromBinary(TaskExitSchema, bytes)
      return id === containerId ? { type: 'exited', id } : undefined
    }
    case '/tasks/delete': {
      const { containerId, id } = fromBinary(TaskDeleteSchema, bytes)
      return id === containerId || id === '' ? { type: 'exited', id: containerId } : undefined
    }
    default:
      return undefined
  }
}
