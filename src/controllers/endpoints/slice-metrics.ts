import type { Service } from '../../api/generated/core.v1.ts'
import { defaultBuckets, exponentialBuckets, type Gauge, type Metrics } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { wantsTopologyHints } from './topology-hints.ts'

/** What a look at the slices of a service and family came to. */
export interface SliceSync {
  readonly added: number
  readonly removed: number
  /** Slices written or deleted. */
  readonly changed: number
  /** Slices there are now. */
  readonly slices: number
  /** Endpoints wanted, by their ports. */
  readonly endpointsPerGroup: readonly number[]
}

export interface SliceMetrics {
  /** A slice has been written. */
  countChange(operation: 'create' | 'update' | 'delete'): void
  /** The slices of a service have been looked at. */
  countSync(result: 'success' | 'error'): void
  observe(service: Service, family: string, sync: SliceSync): void
  forget(key: string): void
}

const prefix = 'endpoint_slice_controller'
const distributions: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

interface Totals {
  readonly endpoints: number
  readonly slices: number
  readonly desiredSlices: number
}

/** Source of the names: k8s.io/endpointslice/metrics. */
export function createSliceMetrics(metrics: Metrics, max: number): SliceMetrics {
  const changes = metrics.counter({
    name: `${prefix}_changes`,
    help: 'Number of EndpointSlice changes',
    labels: ['operation'],
  })
  const syncs = metrics.counter({
    name: `${prefix}_syncs`,
    help: 'Number of EndpointSlice syncs',
    labels: ['result'],
  })
  const perSync = (verb: 'added' | 'removed') =>
    metrics
      .histogram({
        name: `${prefix}_endpoints_${verb}_per_sync`,
        help: `Number of endpoints ${verb} on each Service sync`,
        buckets: exponentialBuckets(2, 2, 15),
      })
      .with({})
  const added = perSync('added')
  const removed = perSync('removed')
  const changedPerSync = metrics.histogram({
    name: `${prefix}_endpointslices_changed_per_sync`,
    help: 'Number of EndpointSlices changed on each Service sync',
    labels: ['topology', 'traffic_distribution'],
    buckets: defaultBuckets,
  })
  const gauge = (name: string, help: string) => metrics.gauge({ name: `${prefix}_${name}`, help }).with({})
  const endpointsDesired = gauge('endpoints_desired', 'Number of endpoints desired')
  const slices = gauge('num_endpoint_slices', 'Number of EndpointSlices')
  const desiredSlices = gauge(
    'desired_endpoint_slices',
    'Number of EndpointSlices that would exist with perfect endpoint allocation',
  )
  const distributed = metrics.gauge({
    name: `${prefix}_services_count_by_traffic_distribution`,
    help: 'Number of Services using some specific trafficDistribution',
    labels: ['traffic_distribution'],
  })
  const totals = new Map<string, Map<string, Totals>>()
  const distributionOf = new Map<string, Gauge>()

  function count({ endpoints, slices: held, desiredSlices: desired }: Totals, by: 1 | -1): void {
    endpointsDesired.add(by * endpoints)
    slices.add(by * held)
    desiredSlices.add(by * desired)
  }

  function setDistribution(key: string, distribution: string | undefined): void {
    const next = distribution ? distributed.with({ traffic_distribution: distribution }) : undefined
    distributionOf.get(key)?.add(-1)
    next?.add(1)
    if (next) distributionOf.set(key, next)
    else distributionOf.delete(key)
  }

  return {
    countChange: (operation) => changes.with({ operation }).add(),
    countSync: (result) => syncs.with({ result }).add(),
    observe(service, family, sync) {
      const key = keyOf(service)
      const isAuto = wantsTopologyHints(service)
      const { trafficDistribution = '' } = service.spec ?? {}
      const distribution = !isAuto && distributions.includes(trafficDistribution) ? trafficDistribution : ''
      added.observe(sync.added)
      removed.observe(sync.removed)
      const labels = { topology: isAuto ? 'Auto' : 'Disabled', traffic_distribution: distribution }
      changedPerSync.with(labels).observe(sync.changed)
      const families = totals.get(key) ?? new Map<string, Totals>()
      const before = families.get(family)
      if (before) count(before, -1)
      const next = totalsOf(sync, max)
      count(next, 1)
      totals.set(key, families.set(family, next))
      setDistribution(key, distribution)
    },
    forget(key) {
      for (const total of totals.get(key)?.values() ?? []) count(total, -1)
      totals.delete(key)
      setDistribution(key, undefined)
    },
  }
}

/** There is always one slice at least, be it empty; a slice holds `max`. */
function totalsOf({ slices, endpointsPerGroup }: SliceSync, max: number): Totals {
  const endpoints = endpointsPerGroup.reduce((sum, size) => sum + size, 0)
  const desired = endpointsPerGroup.reduce((sum, size) => sum + Math.ceil(size / max), 0)
  return { endpoints, slices, desiredSlices: Math.max(1, desired) }
}
