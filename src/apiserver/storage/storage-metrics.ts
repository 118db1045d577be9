import type { Counter, Metrics } from '../../machinery/metrics.ts'
import { groupResource } from '../../machinery/resource.ts'
import type { Registry } from '../registry/registry.ts'

const labels = ['group', 'resource'] as const

/** What the caches count, under upstream's names. Returns what brings the numbers up to date. */
export function observeStorage(metrics: Metrics, registries: () => Iterable<Registry>): () => void {
  const objects = metrics.gauge({
    name: 'apiserver_storage_objects',
    help: 'Objects by resource; apiserver_resource_objects tells the group apart.',
    labels: ['resource'],
    stability: 'STABLE',
  })
  const resourceObjects = metrics.gauge({
    name: 'apiserver_resource_objects',
    help: 'Objects by group and resource.',
    labels,
  })
  const watchers = metrics.gauge({
    name: 'apiserver_registered_watchers',
    help: 'Watches by resource, those of components in this process among them.',
    labels: ['group', 'kind', 'version'],
  })
  const resourceVersion = metrics.gauge({
    name: 'apiserver_watch_cache_resource_version',
    help: 'The resource version of the cache, its 15 last digits.',
    labels,
  })
  const capacity = metrics.gauge({
    name: 'watch_cache_capacity',
    help: 'Events that the cache keeps.',
    labels,
  })
  const received = counter('apiserver_watch_cache_events_received_total', 'Events that reached the cache.')
  const storageEvents = counter('apiserver_storage_events_received_total', 'Events received from the store.')
  const dispatched = counter(
    'apiserver_watch_cache_events_dispatched_total',
    'Events told to the watches there are.',
  )
  const terminated = counter('apiserver_terminated_watchers_total', 'Watches cut off because they are slow.')
  const lists = counter('apiserver_cache_list_total', 'Lists answered from the cache.', true)
  const fetched = counter('apiserver_cache_list_fetched_objects_total', 'Objects looked at for lists.', true)
  const returned = counter('apiserver_cache_list_returned_objects_total', 'Objects in lists.')

  function counter(name: string, help: string, indexed = false) {
    return metrics.counter({ name, help, labels: indexed ? [...labels, 'index'] : labels })
  }

  return () => {
    for (const { definition, cache } of registries()) {
      const { group, resource, kind, version } = definition.resource
      const place = { group, resource, index: '' }
      const { statistics } = cache
      objects.with({ resource: groupResource(definition.resource) }).set(cache.size)
      resourceObjects.with(place).set(cache.size)
      watchers.with({ group, kind, version }).set(cache.watcherCount)
      resourceVersion.with(place).set(Number(cache.revision % 10n ** 15n))
      capacity.with(place).set(cache.capacity)
      raise(received.with(place), statistics.events)
      raise(storageEvents.with(place), statistics.events)
      raise(dispatched.with(place), statistics.dispatched)
      raise(terminated.with(place), statistics.slowWatchers)
      raise(lists.with(place), statistics.lists)
      raise(fetched.with(place), statistics.listFetched)
      raise(returned.with(place), statistics.listReturned)
    }
  }
}

/** A cache that is made anew counts from nothing. */
function raise(counter: Counter, to: number): void {
  counter.add(Math.max(0, to - counter.value))
}
