import type { Client } from '../../client/client.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { keyOf, parseKey, type Resource } from '../../machinery/resource.ts'
import { isNotFound, notFound } from '../../machinery/status-errors.ts'

/**
 * The objects of one resource that pods of this node refer to, and no others: the kubelet may not list them all. Each
 * is watched on its own while a pod needs it, as upstream's watch-based ConfigMap and Secret managers.
 */
export interface ObjectTracker<T extends KubernetesObject> {
  /** The object now. Rejects with the API's error; with a NotFound of the kind for one that is not there, as upstream. */
  get(namespace: string, name: string): Promise<T>
  /** Says which objects (`namespace/name`) the pod refers to from now on; none releases them. */
  track(podUID: string, keys: Iterable<string>): void
  stop(): void
}

export interface ObjectTrackerOptions<T extends KubernetesObject> {
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  readonly resource: Resource<T>
  /** An object that the pod refers to was added, changed or deleted. */
  readonly onChange: (podUID: string) => void
}

interface Tracked<T> {
  readonly pods: Set<string>
  readonly abort: AbortController
  /** Undefined until the watch has its first state; null when there is no such object. */
  object: T | null | undefined
  /** What was answered last: pods are told when that is not so any more. Undefined when nobody has asked. */
  answered: T | null | undefined
}

const firstRetryMs = 1000
const maximumRetryMs = 30_000

export function createObjectTracker<T extends KubernetesObject & { readonly immutable?: boolean }>(
  options: ObjectTrackerOptions<T>,
): ObjectTracker<T> {
  const { client, clock, log, resource } = options
  const objects = new Map<string, Tracked<T>>()
  const byPod = new Map<string, ReadonlySet<string>>()

  function set(tracked: Tracked<T>, object: T | null): void {
    const { answered } = tracked
    tracked.object = object
    if (answered === undefined || versionOf(answered) === versionOf(object)) return
    for (const pod of tracked.pods) options.onChange(pod)
  }

  async function follow(key: string, tracked: Tracked<T>): Promise<void> {
    const { signal } = tracked.abort
    const { namespace = '', name } = parseKey(key)
    const scope = { namespace, fieldSelector: `metadata.name=${name}` }
    let retryMs = firstRetryMs
    while (!signal.aborted) {
      try {
        const list = await client.list(resource, { ...scope, signal })
        const listed = list.items.find((item) => keyOf(item) === key) ?? null
        set(tracked, listed)
        if (listed?.immutable) return
        retryMs = firstRetryMs
        const watch = client.watch(resource, {
          ...scope,
          resourceVersion: list.metadata.resourceVersion ?? '',
          allowWatchBookmarks: true,
          signal,
        })
        for await (const event of watch) {
          if (event.type === 'ADDED' || event.type === 'MODIFIED') set(tracked, event.object)
          else if (event.type === 'DELETED') set(tracked, null)
        }
      } catch (error) {
        if (signal.aborted) return
        log.debug('watching an object of a pod failed', { resource: resource.resource, key, error })
        tracked.object = undefined
        await sleep(clock, retryMs, signal).catch(() => undefined)
        retryMs = Math.min(retryMs * 2, maximumRetryMs)
      }
    }
  }

  function release(key: string, podUID: string): void {
    const tracked = objects.get(key)
    if (tracked === undefined) return
    tracked.pods.delete(podUID)
    if (tracked.pods.size > 0) return
    tracked.abort.abort()
    objects.delete(key)
  }

  const missing = (name: string) =>
    notFound({ group: resource.group, resource: resource.kind.toLowerCase() }, name)

  function acquire(key: string, podUID: string): void {
    let tracked = objects.get(key)
    if (tracked === undefined) {
      tracked = { pods: new Set(), abort: new AbortController(), object: undefined, answered: undefined }
      objects.set(key, tracked)
      void follow(key, tracked)
    }
    tracked.pods.add(podUID)
  }

  return {
    async get(namespace, name) {
      const key = `${namespace}/${name}`
      const known = objects.get(key)?.object
      const answer = (found: T | null) => {
        const tracked = objects.get(key)
        if (tracked) tracked.answered = found
      }
      if (known === undefined) {
        try {
          const found = await client.get(resource, { namespace, name })
          answer(found)
          return found
        } catch (error) {
          if (!isNotFound(error)) throw error
          answer(null)
          throw missing(name)
        }
      }
      answer(known)
      if (known === null) throw missing(name)
      return known
    },

    track(podUID, keys) {
      const wanted = new Set(keys)
      for (const key of byPod.get(podUID) ?? []) if (!wanted.has(key)) release(key, podUID)
      for (const key of wanted) if (!byPod.get(podUID)?.has(key)) acquire(key, podUID)
      if (wanted.size > 0) byPod.set(podUID, wanted)
      else byPod.delete(podUID)
    },

    stop() {
      for (const { abort } of objects.values()) abort.abort()
      objects.clear()
      byPod.clear()
    },
  }
}

function versionOf(object: KubernetesObject | null): string | undefined {
  return object?.metadata?.resourceVersion
}
