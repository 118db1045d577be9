import type { KubernetesObject } from '../machinery/meta.ts'
import { keyOf, type ObjectName, type Resource } from '../machinery/resource.ts'
import type { Client } from './client.ts'
import type { Change, Informer } from './informer.ts'

/** What one run of a reconciler wrote, until the caches have seen it. */
export interface Written {
  /** The client whose writes are remembered. */
  readonly client: Client
  /** Undefined when the caches have seen all writes; else resolves when they have, or the signal aborts. */
  settled(signal: AbortSignal): Promise<void> | undefined
  /** The resource of a cache that has not come to the last resourceVersion written. */
  behind(): Resource | undefined
}

type AnyInformer = Informer<KubernetesObject>

/** Tells who waits for the end of an object; fed with the changes of all caches. */
export interface Endings {
  notice(change: Change<KubernetesObject>): void
  /** Resolves when the object with this uid is gone or being deleted, or the signal aborts. */
  ended(uid: string, signal: AbortSignal): Promise<void>
}

export function createEndings(): Endings {
  const waiting = new Map<string, Set<() => void>>()
  return {
    notice({ type, object }) {
      if (waiting.size === 0 || (type !== 'deleted' && !object.metadata?.deletionTimestamp)) return
      const waiters = waiting.get(object.metadata?.uid ?? '')
      if (waiters) for (const finish of waiters) finish()
    },
    ended(uid, signal) {
      return new Promise((resolve) => {
        const waiters = waiting.get(uid) ?? new Set()
        waiting.set(uid, waiters)
        waiters.add(finish)
        signal.addEventListener('abort', finish, { once: true })
        function finish() {
          signal.removeEventListener('abort', finish)
          waiters.delete(finish)
          if (waiters.size === 0) waiting.delete(uid)
          resolve()
        }
      })
    },
  }
}

/**
 * Wraps `client` for one run. Writes to resources that have a cache are remembered: by the resourceVersion of the
 * answer, and deletions by the uid of what is gone. Dry runs are not.
 */
export function rememberWrites(
  client: Client,
  cache: (resource: Resource) => AnyInformer | undefined,
  endings: Endings,
): Written {
  const versions = new Map<AnyInformer, bigint>()
  const deletions: { readonly informer: AnyInformer; readonly key: string; readonly uid: string }[] = []

  async function wrote<T extends KubernetesObject>(
    resource: Resource,
    options: { readonly dryRun?: unknown } | undefined,
    writing: Promise<T>,
  ): Promise<T> {
    const answer = await writing
    const informer = options?.dryRun === undefined ? cache(resource) : undefined
    const { resourceVersion } = answer.metadata ?? {}
    if (!informer || !resourceVersion) return answer
    const version = BigInt(resourceVersion)
    const known = versions.get(informer)
    if (known === undefined || known < version) versions.set(informer, version)
    return answer
  }

  function deleted(resource: Resource, name: ObjectName, uid: string | undefined): void {
    const informer = cache(resource)
    const key = keyOf({ metadata: { ...name } })
    const held = informer?.get(key)?.metadata
    if (!informer || !held?.uid || held.deletionTimestamp) return
    if (uid === undefined || uid === held.uid) deletions.push({ informer, key, uid: held.uid })
  }

  return {
    client: {
      get: (resource, name, options) => client.get(resource, name, options),
      list: (resource, options) => client.list(resource, options),
      watch: (resource, options) => client.watch(resource, options),
      raw: (path, options) => client.raw(path, options),
      getSubresource: (resource, name, subresource) => client.getSubresource(resource, name, subresource),
      deleteCollection: (resource, options) => client.deleteCollection(resource, options),
      createSubresource: (resource, name, subresource, body, options) =>
        client.createSubresource(resource, name, subresource, body, options),
      create: (resource, object, options) =>
        wrote(resource, options, client.create(resource, object, options)),
      update: (resource, object, options) =>
        wrote(resource, options, client.update(resource, object, options)),
      patch: (resource, name, patch, options) =>
        wrote(resource, options, client.patch(resource, name, patch, options)),
      updateSubresource: (resource, name, subresource, body, options) =>
        wrote(resource, options, client.updateSubresource(resource, name, subresource, body, options)),
      async delete(resource, name, options) {
        const answer = await client.delete(resource, name, options)
        if (options?.dryRun) return answer
        const object: KubernetesObject = answer
        const { metadata } = object
        if (metadata?.deletionTimestamp) await wrote(resource, {}, Promise.resolve(object))
        else deleted(resource, name, options?.preconditions?.uid ?? metadata?.uid)
        return answer
      },
    },
    behind() {
      for (const [informer, version] of versions)
        if (informer.resourceVersion < version) return informer.resource
      return undefined
    },
    settled(signal) {
      const waits: Promise<void>[] = []
      for (const [informer, version] of versions) {
        if (informer.resourceVersion < version) waits.push(informer.waitFor(String(version), signal))
      }
      for (const { informer, key, uid } of deletions) {
        const held = informer.get(key)?.metadata
        if (held?.uid === uid && !held.deletionTimestamp) waits.push(endings.ended(uid, signal))
      }
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => {})
    },
  }
}
