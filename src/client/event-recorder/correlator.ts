import type { Event } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import { formatTime } from '../../machinery/time.ts'
import { createLruMap } from '../lru-map.ts'

/** What to do with an event: write it anew, count it up on one written before, or drop it. */
export type Correlation =
  | { readonly type: 'create'; readonly event: Event }
  | { readonly type: 'count'; readonly event: Event }
  | { readonly type: 'skip' }

export interface Correlator {
  correlate(event: Event): Correlation
}

const maxEntries = 4096
/** From this many different messages on, events with one reason about one object become one. */
const maxSimilarEvents = 10
const similarIntervalMs = 600_000
/** A source may send this many events about an object at once, and one more each time the refill interval has passed. */
const spamBurst = 25
const spamRefillMs = 300_000

interface Similar {
  readonly messages: Set<string>
  readonly lastMs: number
}

interface Observation {
  readonly name: string
  readonly firstTimestamp: Event['firstTimestamp']
  readonly count: number
}

interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

/** Source of the numbers: client-go tools/record/events_cache.go. */
export function createCorrelator(clock: Clock): Correlator {
  const similar = createLruMap<Similar>(maxEntries)
  const observations = createLruMap<Observation>(maxEntries)
  const buckets = createLruMap<Bucket>(maxEntries)

  /** The event, or the one that stands for all similar ones; with the key under which its repetitions are counted. */
  function aggregate(event: Event): { readonly event: Event; readonly key: string } {
    const now = clock.monotonic()
    const key = similarKey(event)
    const known = similar.get(key)
    const messages = known && now - known.lastMs <= similarIntervalMs ? known.messages : new Set<string>()
    messages.add(event.message ?? '')
    similar.set(key, { messages, lastMs: now })
    if (messages.size < maxSimilarEvents) return { event, key: exactKey(event) }
    for (const any of messages) {
      messages.delete(any)
      break
    }
    const time = formatTime(clock.now())
    const message = `(combined from similar events): ${event.message}`
    return { event: { ...event, message, firstTimestamp: time, lastTimestamp: time, count: 1 }, key }
  }

  function observe(event: Event, key: string): Event {
    const last = observations.get(key)
    const observed: Event = last
      ? {
          ...event,
          metadata: { ...event.metadata, name: last.name },
          firstTimestamp: last.firstTimestamp ?? null,
          count: last.count + 1,
        }
      : event
    observations.set(key, {
      name: observed.metadata.name ?? '',
      firstTimestamp: observed.firstTimestamp,
      count: observed.count ?? 1,
    })
    return observed
  }

  function isSpam(event: Event): boolean {
    const now = clock.monotonic()
    const key = spamKey(event)
    const { tokens, atMs } = buckets.get(key) ?? { tokens: spamBurst, atMs: now }
    const refilled = Math.min(spamBurst, tokens + (now - atMs) / spamRefillMs)
    buckets.set(key, { tokens: refilled >= 1 ? refilled - 1 : refilled, atMs: now })
    return refilled < 1
  }

  return {
    correlate(incoming) {
      const { event: aggregated, key } = aggregate(incoming)
      const event = observe(aggregated, key)
      if (isSpam(event)) return { type: 'skip' }
      return { type: (event.count ?? 1) > 1 ? 'count' : 'create', event }
    },
  }
}

function spamKey({ source, involvedObject: about, type }: Event): string {
  const object = [about.kind, about.namespace, about.name, about.uid, about.apiVersion]
  return JSON.stringify([source?.component, source?.host, ...object, type])
}

function similarKey(event: Event): string {
  return `${spamKey(event)}${event.reason}`
}

function exactKey(event: Event): string {
  return `${similarKey(event)}\n${event.involvedObject.fieldPath ?? ''}\n${event.message}`
}
