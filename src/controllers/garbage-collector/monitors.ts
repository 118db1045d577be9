import type { Client } from '../../client/client.ts'
import { discover, preferred, type DiscoveredResource } from '../../client/discovery.ts'
import type { Change, Informer, Informers } from '../../client/informer.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { groupResource, type Resource } from '../../machinery/resource.ts'

/** Follows the metadata of all objects of all resources that can be deleted, built in and custom. */
export interface Monitors {
  /** Asks what the API server serves, and follows that. Throws when it cannot be asked. */
  refresh(): Promise<void>
  /** The resource that holds a kind; undefined when none is known. */
  resourceOf(apiVersion: string, kind: string): Resource | undefined
  /** Whether all that is followed is known completely; one that cannot be read does not count for ever. */
  isComplete(): boolean
  synced(): Promise<void>
  stop(): void
}

export interface MonitorsOptions {
  readonly client: Client
  readonly informers: Informers
  readonly clock: Clock
  readonly onChange: (resource: Resource, change: Change<KubernetesObject>) => void
}

interface Monitor {
  readonly resource: Resource
  readonly informer: Informer<KubernetesObject>
  readonly sinceMs: number
  readonly unsubscribe: () => void
}

/** Events come and go in masses and own nothing. */
const ignored: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io'])
const maxSyncMs = 30_000

export function createMonitors({ client, informers, clock, onChange }: MonitorsOptions): Monitors {
  const monitors = new Map<string, Monitor>()
  let kinds = new Map<string, Resource>()

  function start(resource: Resource): Monitor {
    const informer = informers.informer(resource, { metadataOnly: true })
    const unsubscribe = informer.onChange((change) => onChange(resource, change))
    return { resource, informer, sinceMs: clock.monotonic(), unsubscribe }
  }

  function keepKinds(resources: readonly DiscoveredResource[], failedGroups: ReadonlySet<string>): void {
    const next = new Map<string, Resource>()
    for (const [key, resource] of kinds) if (failedGroups.has(resource.group)) next.set(key, resource)
    for (const { resource } of resources) next.set(kindKey(resource.group, resource.kind), resource)
    kinds = next
  }

  return {
    async refresh() {
      const { resources, failures } = await discover(client)
      const failedGroups = new Set(failures.map(({ groupVersion }) => groupOf(groupVersion)))
      const followed = preferred(resources).filter(
        ({ resource, verbs }) =>
          !ignored.has(groupResource(resource)) &&
          ['delete', 'list', 'watch'].every((verb) => verbs.includes(verb)),
      )
      keepKinds(preferred(resources), failedGroups)

      const wanted = new Map(followed.map(({ resource }) => [groupResource(resource), resource]))
      for (const [key, monitor] of monitors) {
        if (wanted.get(key)?.version === monitor.resource.version || failedGroups.has(monitor.resource.group))
          continue
        monitors.delete(key)
        monitor.unsubscribe()
        await informers.release(monitor.informer as Informer<never>)
      }
      for (const [key, resource] of wanted) if (!monitors.has(key)) monitors.set(key, start(resource))
    },
    resourceOf: (apiVersion, kind) => kinds.get(kindKey(groupOf(apiVersion), kind)),
    isComplete() {
      const nowMs = clock.monotonic()
      return [...monitors.values()].every(
        ({ informer, sinceMs }) => informer.hasSynced || nowMs - sinceMs > maxSyncMs,
      )
    },
    async synced() {
      await Promise.all([...monitors.values()].map(({ informer }) => informer.synced))
    },
    stop() {
      for (const { unsubscribe } of monitors.values()) unsubscribe()
      monitors.clear()
    },
  }
}

/** `apps` of `apps/v1`, `''` of `v1`. */
function groupOf(groupVersion: string): string {
  const slash = groupVersion.indexOf('/')
  return slash < 0 ? '' : groupVersion.slice(0, slash)
}

function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`
}
