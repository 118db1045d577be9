import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject, WatchEvent } from '../../machinery/meta.ts'
import type { Random } from '../../machinery/random.ts'
import { groupResource, keyOf, type Resource } from '../../machinery/resource.ts'
import { hasStatusCause, isBadRequest, isExpired, isGone, isInvalid } from '../../machinery/status-errors.ts'
import type { Client } from '../client.ts'
import type { InformerScope } from '../informer.ts'
import { createBackoff } from './backoff.ts'
import type { InformerCache } from './cache.ts'

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: Client
  readonly resource: Resource<T>
  readonly scope: InformerScope
  readonly cache: InformerCache<T>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly signal: AbortSignal
}

/** The bookmark that ends the objects there were when a streaming list began carries this annotation. */
const initialEventsEnd = 'k8s.io/initial-events-end'
const pageLimit = 500
/** The server ends a watch after 5 to 10 minutes, as client-go asks it to. */
const minWatchSeconds = 300
/** A streaming list whose next object, or end, is this long in coming is not one. */
const longestSilenceMs = 10_000
/** A watch that ends sooner, without an event, counts as a failure. */
const shortWatchMs = 1_000

/**
 * Keeps a cache equal to what the API server has: one streaming list (or pages, where the server cannot stream) and then
 * watches, each from where the last one ended, until `signal` aborts. Resolves then; never rejects.
 */
export async function runReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Promise<void> {
  const { client, resource, cache, clock, random, signal } = options
  const { metadataOnly, ...selection } = options.scope
  const hint = metadataOnly ? { metadataOnly } : {}
  const backoff = createBackoff(clock, random)
  /** Where the next watch starts; undefined when the next step is a list. */
  let position: string | undefined
  let streamsLists = true
  /** The newest version known; a list must not be older. */
  let newest = '0'

  function moveTo(resourceVersion: string | undefined): void {
    if (!resourceVersion) return
    position = resourceVersion
    newest = resourceVersion
  }

  async function listPages(): Promise<void> {
    const objects: T[] = []
    let token: string | undefined
    let resourceVersion = newest
    do {
      const page = await client.list(resource, {
        ...selection,
        ...hint,
        limit: pageLimit,
        ...(token ? { continue: token } : { resourceVersion: newest }),
        signal,
      })
      for (const item of page.items) objects.push(item)
      token = page.metadata.continue
      resourceVersion = page.metadata.resourceVersion ?? resourceVersion
    } while (token)
    cache.replace(objects, resourceVersion)
    moveTo(resourceVersion)
  }

  async function streamList(): Promise<void> {
    const objects = new Map<string, T>()
    const timeoutSeconds = Math.round(minWatchSeconds * (1 + random.next()))
    // Not a signal made of two, which is slow to ask: it is asked with every event.
    const end = new AbortController()
    const stop = () => end.abort()
    let isSilent = false
    const giveUp = () => {
      // Servers that do not know of streaming lists pass the wish over, and tell of changes alone.
      streamsLists = false
      isSilent = true
      stop()
    }
    signal.addEventListener('abort', stop, { once: true })
    let cancel = clock.after(longestSilenceMs, giveUp)
    const events = client.watch(resource, {
      ...selection,
      ...hint,
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      ...(newest !== '0' && { resourceVersion: newest }),
      allowWatchBookmarks: true,
      timeoutSeconds,
      signal: end.signal,
    })
    try {
      for await (const event of events) {
        if (position !== undefined) {
          apply(event)
          continue
        }
        cancel()
        if (!collect(objects, event)) {
          cancel = clock.after(longestSilenceMs, giveUp)
          continue
        }
        const { resourceVersion = newest } = event.object.metadata ?? {}
        cache.replace(objects.values(), resourceVersion)
        objects.clear()
        moveTo(resourceVersion)
      }
    } catch (error) {
      if (!isSilent) throw error
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
    if (isSilent) return
    if (position === undefined && !signal.aborted) throw new Error('the watch ended before all objects came')
  }

  async function watch(resourceVersion: string): Promise<void> {
    const startedMs = clock.monotonic()
    let count = 0
    const events = client.watch(resource, {
      ...selection,
      ...hint,
      resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(minWatchSeconds * (1 + random.next())),
      signal,
    })
    for await (const event of events) {
      count += 1
      apply(event)
    }
    if (count === 0 && clock.monotonic() - startedMs < shortWatchMs && !signal.aborted)
      throw new Error('the watch ended at once without an event')
  }

  function apply({ type, object }: WatchEvent<T>): void {
    if (type === 'BOOKMARK') cache.advance(object.metadata?.resourceVersion ?? '0')
    else if (type === 'DELETED') cache.delete(object)
    else cache.set(object)
    moveTo(object.metadata?.resourceVersion)
  }

  /** Made when there is something to say. */
  const log = () => options.log.with({ resource: groupResource(resource) })

  /** Decides what a failure means for the next step; true when it needs no pause. */
  function recover(error: unknown): boolean {
    const wasListing = position === undefined
    if (isExpired(error) || isGone(error) || hasStatusCause(error, 'ResourceVersionTooLarge')) {
      position = undefined
      if (wasListing) newest = ''
      log().debug('The position of the watch is not held, listing again', { error })
      return !wasListing
    }
    if (wasListing && streamsLists && (isInvalid(error) || isBadRequest(error))) {
      streamsLists = false
      return true
    }
    log().warn(wasListing ? 'Listing failed' : 'Watching failed', { error })
    return false
  }

  while (!signal.aborted) {
    try {
      if (position !== undefined) await watch(position)
      else if (streamsLists) await streamList()
      else await listPages()
    } catch (error) {
      if (signal.aborted) return
      if (!recover(error)) await sleep(clock, backoff.nextMs(), signal).catch(() => {})
    }
  }
}

/** Takes one event of a streaming list; true when it was the last of the objects there were. */
function collect<T extends KubernetesObject>(
  objects: Map<string, T>,
  { type, object }: WatchEvent<T>,
): boolean {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      objects.set(keyOf(object), object)
      return false
    case 'DELETED':
      objects.delete(keyOf(object))
      return false
    case 'BOOKMARK':
      return object.metadata?.annotations?.[initialEventsEnd] === 'true'
    case 'ERROR':
      throw new Error('a client throws the errors of a watch')
  }
}
