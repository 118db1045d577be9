import type { Client } from '../src/client/client.ts'
import type { KubernetesObject } from '../src/machinery/meta.ts'
import type { Resource } from '../src/machinery/resource.ts'

/** The objects of a namespace, as a watch tells of them. */
export interface Followed<T extends KubernetesObject> {
  /** Resolves with the moment, of `performance.now()`, at which the condition held. */
  until(what: string, holds: (objects: ReadonlyMap<string, T>) => boolean): Promise<number>
  stop(): void
}

const withinMs = 60_000

export async function follow<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  namespace = '',
): Promise<Followed<T>> {
  const where = namespace === '' ? {} : { namespace }
  const { items, metadata } = await client.list(resource, where)
  const objects = new Map(items.map((object) => [object.metadata?.name ?? '', object]))
  const waiting = new Set<() => void>()
  const aborted = new AbortController()
  let failure: unknown

  async function read(): Promise<void> {
    const options = { ...where, resourceVersion: metadata?.resourceVersion ?? '', signal: aborted.signal }
    for await (const { type, object } of client.watch(resource, options)) {
      const name = object.metadata?.name ?? ''
      if (type === 'DELETED') objects.delete(name)
      else if (type !== 'BOOKMARK') objects.set(name, object)
      for (const check of waiting) check()
    }
  }
  read().catch((error: unknown) => {
    failure = error
    for (const check of waiting) check()
  })

  return {
    until(what, holds) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(
          () => end(() => reject(new Error(`not in ${withinMs / 1000} s: ${what}`))),
          withinMs,
        )
        function end(settle: () => void): void {
          clearTimeout(late)
          waiting.delete(check)
          settle()
        }
        function check(): void {
          if (failure) end(() => reject(failure))
          else if (holds(objects)) end(() => resolve(performance.now()))
        }
        waiting.add(check)
        check()
      })
    },
    stop: () => aborted.abort(),
  }
}
