import type { Clock } from '../../machinery/clock.ts'
import type { Counter, Histogram, Metrics } from '../../machinery/metrics.ts'
import type { Store } from '../../store/store.ts'
import { registryRoot } from './store-feed.ts'

/** Source: k8s.io/apiserver/pkg/storage/etcd3/metrics. Seconds. */
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
]
const labels = ['group', 'operation', 'resource'] as const

interface Series {
  readonly duration: Histogram
  readonly count: Counter
  readonly errors: Counter
}

type Operation = 'create' | 'delete' | 'get' | 'list' | 'update'

/** Counts and times what a store is asked under `/registry/<group>/<resource>/`. The names are etcd's, for dashboards. */
export function observeStore(store: Store, metrics: Metrics, clock: Clock): Store {
  const duration = metrics.histogram({
    name: 'etcd_request_duration_seconds',
    help: 'Time that the store took, by operation and resource.',
    labels,
    buckets: durationBuckets,
  })
  const count = metrics.counter({
    name: 'etcd_requests_total',
    help: 'Requests to the store by operation and resource.',
    labels,
  })
  const errors = metrics.counter({
    name: 'etcd_request_errors_total',
    help: 'Requests to the store that failed, by operation and resource.',
    labels,
  })
  const byOperation = new Map<Operation, Map<string, Series>>()

  function seriesOf(operation: Operation, key: string): Series {
    const place = placeOf(key)
    let byPlace = byOperation.get(operation)
    if (!byPlace) byOperation.set(operation, (byPlace = new Map()))
    let series = byPlace.get(place)
    if (!series) {
      const [group = '', resource = ''] = place.split('/')
      const values = { group: group === 'core' ? '' : group, operation, resource }
      series = { duration: duration.with(values), count: count.with(values), errors: errors.with(values) }
      byPlace.set(place, series)
    }
    return series
  }

  async function observed<Result>(operation: Operation, key: string, run: () => Promise<Result>) {
    const series = seriesOf(operation, key)
    const began = clock.monotonic()
    try {
      return await run()
    } catch (error) {
      series.errors.add()
      throw error
    } finally {
      series.count.add()
      series.duration.observe((clock.monotonic() - began) / 1000)
    }
  }

  return {
    get: (key) => observed('get', key, () => store.get(key)),
    list: (prefix, options) => observed('list', prefix, () => store.list(prefix, options)),
    create: (key, value, options) => observed('create', key, () => store.create(key, value, options)),
    update: (key, value, revision, options) =>
      observed('update', key, () => store.update(key, value, revision, options)),
    delete: (key, revision) => observed('delete', key, () => store.delete(key, revision)),
    watch: (prefix, after, handlers) => store.watch(prefix, after, handlers),
    compact: (revision) => store.compact(revision),
    currentRevision: () => store.currentRevision(),
    ...(store.isStale && { isStale: (key: string, value: Uint8Array) => store.isStale!(key, value) }),
    close: () => store.close(),
  }
}

/** `<group>/<resource>` of a key; `''` of keys that are no objects'. */
function placeOf(key: string): string {
  const group = key.indexOf('/', registryRoot.length)
  const resource = key.indexOf('/', group + 1)
  return group < 0 || resource < 0 ? '' : key.slice(registryRoot.length, resource)
}
