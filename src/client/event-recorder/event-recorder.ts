import { randomUUID } from 'node:crypto'
import { events } from '../../api/generated/resources.ts'
import type { Event, ObjectReference } from '../../api/generated/core.v1.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import {
  hasStatusCause,
  isAlreadyExists,
  isNotFound,
  isServiceUnavailable,
  isTimeout,
} from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Client } from '../client.ts'
import type { EventRecorder } from '../event-recorder.ts'
import { createCorrelator } from './correlator.ts'

export interface EventRecorderOptions {
  readonly client: Client
  /** Source of the events, as upstream names it: `deployment-controller`, `kubelet`. */
  readonly component: string
  /** The node, for components that run on one. */
  readonly host?: string
  readonly clock: Clock
  readonly log: Logger
}

export interface RunningEventRecorder extends EventRecorder {
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>
  /** Drops what is not written yet. */
  stop(): Promise<void>
}

const maxQueued = 1000
/** As client-go: an event that cannot be delivered is tried this often, with this pause. */
const maxTries = 12
const retryMs = 10_000
const maxNameLength = 253

export function createEventRecorder(options: EventRecorderOptions): RunningEventRecorder {
  const { client, component, host, clock, log } = options
  const correlator = createCorrelator(clock)
  const abort = new AbortController()
  const queue: Event[] = []
  let isSending = false
  let sent: Promise<void> = Promise.resolve()
  let lastNanoseconds = 0n

  /** Two events never share a name, however close in time. */
  function nextName(about: string): string {
    const now = BigInt(Math.floor(clock.now() * 1000)) * 1000n
    lastNanoseconds = now > lastNanoseconds ? now : lastNanoseconds + 1n
    const name = `${about}.${lastNanoseconds.toString(16)}`
    return name.length <= maxNameLength && /^[a-z0-9.-]+$/.test(name) ? name : randomUUID()
  }

  async function send(): Promise<void> {
    isSending = true
    for (let event = queue.shift(); event; event = queue.shift()) {
      const correlation = correlator.correlate(event)
      if (correlation.type !== 'skip') await deliver(correlation.event, correlation.type)
    }
    isSending = false
  }

  async function deliver(event: Event, type: 'create' | 'count'): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await write(client, event, type)
      } catch (error) {
        const isPassing = isServiceUnavailable(error) || isTimeout(error)
        if (!isPassing || tries === maxTries) return explain(error, event)
        await sleep(clock, retryMs, abort.signal).catch(() => {})
        if (abort.signal.aborted) return
      }
    }
  }

  function explain(error: unknown, { involvedObject: about, reason }: Event): void {
    const fields = { kind: about.kind, namespace: about.namespace, name: about.name, reason, error }
    const isExpected = isAlreadyExists(error) || hasStatusCause(error, 'NamespaceTerminating')
    if (isExpected) log.debug('An event was not written', fields)
    else log.warn('An event was not written', fields)
  }

  return {
    event(about, type, reason, message, { fieldPath, annotations } = {}) {
      if (abort.signal.aborted) return
      if (queue.length >= maxQueued) {
        log.warn('Too many events wait, dropping one', { reason })
        return
      }
      const time = formatTime(clock.now())
      const involvedObject = { ...referenceTo(about), ...(fieldPath && { fieldPath }) }
      queue.push({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          name: nextName(about.metadata?.name ?? ''),
          namespace: about.metadata?.namespace ?? 'default',
          ...(annotations && { annotations }),
        },
        involvedObject,
        reason,
        message,
        source: { component, ...(host && { host }) },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
        type,
        reportingComponent: component,
        reportingInstance: host ?? '',
      })
      if (!isSending) sent = send()
    },
    flush: () => sent,
    async stop() {
      abort.abort()
      queue.length = 0
      await sent
    },
  }
}

async function write(client: Client, event: Event, type: 'create' | 'count'): Promise<void> {
  if (type === 'count') {
    const { count, lastTimestamp, message } = event
    try {
      await client.patch(events, nameOf(event), { type: 'merge', body: { count, lastTimestamp, message } })
      return
    } catch (error) {
      if (!isNotFound(error)) throw error // expired meanwhile: written anew, with its count
    }
  }
  await client.create(events, event)
}

function nameOf({ metadata }: Event) {
  return { namespace: metadata.namespace ?? 'default', name: metadata.name ?? '' }
}

/** Objects of lists may lack their type; then so does the reference. */
function referenceTo({ apiVersion, kind, metadata = {} }: KubernetesObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata
  return {
    ...(kind && { kind }),
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(uid && { uid }),
    ...(apiVersion && { apiVersion }),
    ...(resourceVersion && { resourceVersion }),
  }
}
