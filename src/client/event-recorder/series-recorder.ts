import { hostname } from 'node:os'
import type { Event } from '../../api/generated/events.v1.ts'
import { eventsV1 } from '../../api/generated/resources.ts'
import { every } from '../../machinery/clock.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { formatMicroTime, parseTime } from '../../machinery/time.ts'
import type { Client } from '../client.ts'
import { createDelivery, createEventNames, referenceTo } from './delivery.ts'
import type { EventRecorderOptions, RunningEventRecorder } from './event-recorder.ts'

/** What has not repeated for so long is over. */
const finishMs = 360_000
/** What goes on is written again this often, so that it does not expire. */
const refreshMs = 1_800_000
/** So many different events are known at once; the oldest counts as over then. */
const maxKnown = 4096
const maxNoteBytes = 1024
const cut = ' ...'

/**
 * Writes to events.k8s.io, as client-go's tools/events: what repeats becomes a series, whose count is written when it begins,
 * now and then, and when it is over. Upstream's scheduler and proxy write so.
 */
export function createSeriesRecorder(options: Omit<EventRecorderOptions, 'host'>): RunningEventRecorder {
  const { client, component, clock, log } = options
  const nextName = createEventNames(clock)
  /** What may repeat, by all that makes two events the same. */
  const known = new Map<string, Event>()
  const delivery = createDelivery<Event>({
    clock,
    log,
    reasonOf: ({ reason }) => reason,
    aboutOf: ({ regarding }) => regarding,
    prepare: (event) => () => write(client, event),
  })

  function end(key: string, event: Event): void {
    known.delete(key)
    if (event.series) delivery.add(event)
  }

  function finish(): void {
    const endedBefore = clock.now() - finishMs
    for (const [key, event] of known) {
      const lastMs = parseTime(event.series?.lastObservedTime ?? event.eventTime) ?? 0
      if (lastMs < endedBefore) end(key, event)
    }
  }

  function refresh(): void {
    for (const event of known.values()) if (event.series) delivery.add(event)
  }

  const cancels = [every(clock, finishMs, finish), every(clock, refreshMs, refresh)]

  return {
    event(about, type, reason, message, { fieldPath, annotations, action = reason, related } = {}) {
      const time = formatMicroTime(clock.now())
      const event: Event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: {
          name: nextName(about.metadata?.name ?? ''),
          namespace: about.metadata?.namespace ?? 'default',
          ...(annotations && { annotations }),
        },
        eventTime: time,
        reportingController: component,
        reportingInstance: `${component}-${hostname()}`,
        action,
        reason,
        regarding: { ...referenceTo(about), ...(fieldPath && { fieldPath }) },
        ...(related && { related: referenceTo(related) }),
        note: shortened(message),
        type,
      }
      const key = JSON.stringify([type, action, reason, event.regarding, event.related])
      const before = known.get(key)
      if (!before) {
        const [oldest] = known
        if (oldest && known.size >= maxKnown) end(...oldest)
        known.set(key, event)
        delivery.add(event)
        return
      }
      const count = (before.series?.count ?? 1) + 1
      const repeated = { ...before, series: { count, lastObservedTime: time } }
      known.set(key, repeated)
      if (!before.series) delivery.add(repeated)
    },
    flush: () => delivery.flush(),
    stop() {
      for (const cancel of cancels) cancel()
      return delivery.stop()
    },
  }
}

async function write(client: Client, event: Event): Promise<void> {
  const { series, metadata } = event
  if (series) {
    const name = { namespace: metadata?.namespace ?? 'default', name: metadata?.name ?? '' }
    try {
      await client.patch(eventsV1, name, { type: 'strategic', body: { series } })
      return
    } catch (error) {
      if (!isNotFound(error)) throw error // expired meanwhile: written anew
    }
  }
  await client.create(eventsV1, event)
}

/** No longer than a note may be. */
function shortened(message: string): string {
  const bytes = Buffer.from(message)
  if (bytes.length <= maxNoteBytes) return message
  return (
    bytes
      .subarray(0, maxNoteBytes - cut.length)
      .toString()
      .replace(/\uFFFD$/, '') + cut
  )
}
