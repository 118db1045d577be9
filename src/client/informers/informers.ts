import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Random } from '../../machinery/random.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { Client } from '../client.ts'
import type { Informer, Informers, InformerScope } from '../informer.ts'
import { createInformerCache } from './cache.ts'
import { runReflector } from './reflector.ts'

export interface InformersOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

interface Running {
  readonly informer: Informer<KubernetesObject>
  stop(): Promise<void>
}

/** Caches over a client, one per resource and scope. */
export function createInformers({ client, clock, random, log }: InformersOptions): Informers {
  const running = new Map<string, Running>()

  function start(resource: Resource, scope: InformerScope): Running {
    const abort = new AbortController()
    const informer = createInformerCache(resource, log)
    const { signal } = abort
    const ended = runReflector({ client, resource, scope, cache: informer, clock, random, log, signal })
    return {
      informer,
      async stop() {
        abort.abort()
        await ended
      },
    }
  }

  return {
    informer<T extends KubernetesObject>(resource: Resource<T>, scope: InformerScope = {}): Informer<T> {
      const key = scopeKey(resource, scope)
      const full = scopeKey(resource, { ...scope, metadataOnly: false })
      let found = running.get(full) ?? running.get(key)
      if (!found) running.set(key, (found = start(resource, scope)))
      return found.informer as unknown as Informer<T>
    },
    async synced() {
      await Promise.all([...running.values()].map(({ informer }) => informer.synced))
    },
    async release(informer) {
      for (const [key, candidate] of running) {
        if ((candidate.informer as unknown) !== informer) continue
        running.delete(key)
        await candidate.stop()
      }
    },
    async stop() {
      const all = [...running.values()]
      running.clear()
      await Promise.all(all.map((informer) => informer.stop()))
    },
  }
}

function scopeKey({ group, version, resource }: Resource, scope: InformerScope): string {
  const { namespace = '', labelSelector = '', fieldSelector = '', metadataOnly = false } = scope
  return JSON.stringify([group, version, resource, namespace, labelSelector, fieldSelector, metadataOnly])
}
