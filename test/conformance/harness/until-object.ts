import type { Client } from '../../../src/client/client.ts'
import type { KubernetesObject, ObjectList, WatchEvent } from '../../../src/machinery/meta.ts'
import type { ObjectName, Resource } from '../../../src/machinery/resource.ts'

const longestMs = 30_000

/** A watch whose events are taken one by one; it fails when the next one is too long in coming. */
export interface EventReader<T extends KubernetesObject> {
  next(): Promise<WatchEvent<T>>
  /** The next event of this type for which `accept` holds; those before are passed over. */
  find(type: WatchEvent<T>['type'], accept?: (object: T) => boolean): Promise<T>
  close(): void
}

/** Reads a watch that begins after `resourceVersion`. */
export function readEvents<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  options: Omit<Parameters<Client['watch']>[1], 'signal'>,
): EventReader<T> {
  const stop = new AbortController()
  const timer = setTimeout(
    () => stop.abort(new Error(`no such event of ${resource.resource} came`)),
    longestMs,
  )
  const events = client.watch(resource, { ...options, signal: stop.signal })[Symbol.asyncIterator]()
  const next = async () => {
    const { done, value } = await events.next()
    stop.signal.throwIfAborted()
    if (done) throw new Error(`the watch of ${resource.resource} ended without the event waited for`)
    return value
  }
  return {
    next,
    async find(type, accept = () => true) {
      for (;;) {
        const event = await next()
        if (event.type === type && accept(event.object)) return event.object
      }
    },
    close() {
      clearTimeout(timer)
      stop.abort()
    },
  }
}

/** Resolves with an object as soon as `accept` holds of it. */
export async function untilObject<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  { namespace = '', name }: ObjectName,
  accept: (object: T) => boolean,
): Promise<T> {
  const items = await untilList(
    client,
    resource,
    { namespace, fieldSelector: `metadata.name=${name}` },
    (found) => {
      return found.some(accept)
    },
  )
  return items[0]!
}

/** Resolves once there is no such object. */
export async function untilGone(
  client: Client,
  resource: Resource,
  { namespace = '', name }: ObjectName,
): Promise<void> {
  await untilList(client, resource, { namespace, fieldSelector: `metadata.name=${name}` }, (items) => {
    return items.length === 0
  })
}

interface Selection {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** Resolves with the selected objects as soon as `accept` holds of them together. */
export async function untilList<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  selection: Selection,
  accept: (items: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const list: ObjectList<T> = await client.list(resource, selection)
  const found = new Map(list.items.map((item) => [keyOf(item), item]))
  if (accept([...found.values()])) return [...found.values()]
  const resourceVersion = list.metadata?.resourceVersion ?? ''
  const events = readEvents(client, resource, { ...selection, resourceVersion })
  try {
    for (;;) {
      const { type, object } = await events.next()
      if (type === 'DELETED') found.delete(keyOf(object))
      else found.set(keyOf(object), object)
      if (accept([...found.values()])) return [...found.values()]
    }
  } catch (error) {
    const what = `${resource.resource} in ${selection.namespace ?? 'all namespaces'}`
    throw new Error(`${what} did not come to be as waited for: ${JSON.stringify([...found.values()])}`, {
      cause: error,
    })
  } finally {
    events.close()
  }
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`
}
