import { randomUUID } from 'node:crypto'
import type { ObjectReference } from '../../api/generated/core.v1.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { TokenBucket } from '../../machinery/token-bucket.ts'
import {
  hasStatusCause,
  isAlreadyExists,
  isServiceUnavailable,
  isTimeout,
} from '../../machinery/status-errors.ts'

const maxQueued = 1000
/** As client-go: an event that cannot be delivered is tried this often, with this pause. */
const maxTries = 12
const retryMs = 10_000
const maxNameLength = 253

/** Writes events one after the other, again and again while the API server is away. */
export interface Delivery<Event> {
  add(event: Event): void
  /** Resolves when everything added so far is written or given up. */
  flush(): Promise<void>
  /** Drops what is not written yet. */
  stop(): Promise<void>
}

export interface DeliveryOptions<Event> {
  readonly clock: Clock
  readonly log: Logger
  /** For the log. */
  readonly reasonOf: (event: Event) => string | undefined
  readonly aboutOf: (event: Event) => ObjectReference | undefined
  /** What there is to do about an event whose turn it is: called once, what it returns as often as it takes. */
  readonly prepare: (event: Event) => (() => Promise<void>) | undefined
  /** Events wait when more would be written. Default: any number is. */
  readonly rate?: EventRate
}

export interface EventRate {
  /** Events a second, in the long run. */
  readonly qps: number
  /** Events at once. */
  readonly burst: number
}

export function createDelivery<Event>(options: DeliveryOptions<Event>): Delivery<Event> {
  const { clock, log, prepare, reasonOf, aboutOf, rate } = options
  const bucket = rate && new TokenBucket({ ...rate, clock })
  const abort = new AbortController()
  const queue: Event[] = []
  let isSending = false
  let sent: Promise<void> = Promise.resolve()

  async function send(): Promise<void> {
    isSending = true
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      const write = prepare(event)
      if (write) await deliver(event, write)
    }
    isSending = false
  }

  async function deliver(event: Event, write: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      const waitMs = bucket?.take() ?? 0
      if (waitMs > 0) await sleep(clock, waitMs, abort.signal).catch(() => {})
      if (abort.signal.aborted) return
      try {
        return await write()
      } catch (error) {
        const isPassing = isServiceUnavailable(error) || isTimeout(error)
        if (!isPassing || tries === maxTries) return explain(error, event)
        await sleep(clock, retryMs, abort.signal).catch(() => {})
        if (abort.signal.aborted) return
      }
    }
  }

  function explain(error: unknown, event: Event): void {
    const about = aboutOf(event)
    const reason = reasonOf(event)
    const fields = { kind: about?.kind, namespace: about?.namespace, name: about?.name, reason, error }
    const isExpected = isAlreadyExists(error) || hasStatusCause(error, 'NamespaceTerminating')
    if (isExpected) log.debug('An event was not written', fields)
    else log.warn('An event was not written', fields)
  }

  return {
    add(event) {
      if (abort.signal.aborted) return
      if (queue.length >= maxQueued) {
        log.warn('Too many events wait, dropping one', { reason: reasonOf(event) })
        return
      }
      queue.push(event)
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

/** Names for events about an object. Two never share a name, however close in time. */
export function createEventNames(clock: Clock): (about: string) => string {
  let lastNanoseconds = 0n
  return (about) => {
    const now = BigInt(Math.floor(clock.now() * 1000)) * 1000n
    lastNanoseconds = now > lastNanoseconds ? now : lastNanoseconds + 1n
    const name = `${about}.${lastNanoseconds.toString(16)}`
    return name.length <= maxNameLength && /^[a-z0-9.-]+$/.test(name) ? name : randomUUID()
  }
}

/** Objects of lists may lack their type; then so does the reference. */
export function referenceTo({ apiVersion, kind, metadata = {} }: KubernetesObject): ObjectReference {
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
