import { events } from '../../api/generated/resources.ts'
import type { Event } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Client } from '../client.ts'
import type { EventRecorder } from '../event-recorder.ts'
import { createCorrelator } from './correlator.ts'
import { createDelivery, createEventNames, referenceTo, type EventRate } from './delivery.ts'

export interface EventRecorderOptions {
  readonly client: Client
  /** Source of the events, as upstream names it: `deployment-controller`, `kubelet`. */
  readonly component: string
  /** The node, for components that run on one. */
  readonly host?: string
  readonly clock: Clock
  readonly log: Logger
  /** Events wait when more would be written. Default: any number is. */
  readonly rate?: EventRate
}

export interface RunningEventRecorder extends EventRecorder {
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>
  /** Drops what is not written yet. */
  stop(): Promise<void>
}

/** Writes to the core API, as client-go's tools/record. */
export function createEventRecorder(options: EventRecorderOptions): RunningEventRecorder {
  const { client, component, host, clock, log, rate } = options
  const correlator = createCorrelator(clock)
  const nextName = createEventNames(clock)
  const delivery = createDelivery<Event>({
    clock,
    log,
    ...(rate && { rate }),
    reasonOf: ({ reason }) => reason,
    aboutOf: ({ involvedObject }) => involvedObject,
    prepare(event) {
      const correlation = correlator.correlate(event)
      if (correlation.type === 'skip') return undefined
      return () => write(client, correlation.event, correlation.type)
    },
  })

  return {
    event(about, type, reason, message, { fieldPath, annotations } = {}) {
      const time = formatTime(clock.now())
      const involvedObject = { ...referenceTo(about), ...(fieldPath && { fieldPath }) }
      delivery.add({
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
    },
    flush: () => delivery.flush(),
    stop: () => delivery.stop(),
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
