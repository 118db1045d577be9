import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'

/** What a look at the slices of one Endpoints came to. Numbers of endpoints, but for the slices. */
interface MirrorSync {
  readonly desired: number
  readonly desiredSlices: number
  readonly slices: number
  readonly added: number
  readonly updated: number
  readonly removed: number
  readonly skipped: number
}

export interface MirrorMetrics {
  /** A slice has been written. */
  countChange(operation: 'create' | 'update' | 'delete'): void
  observe(key: string, sync: MirrorSync): void
  observeDuration(seconds: number): void
  forget(key: string): void
}

const prefix = 'endpoint_slice_mirroring_controller'
const buckets = exponentialBuckets(2, 2, 15)

/** Source of the names: kubernetes/pkg/controller/endpointslicemirroring/metrics. */
export function createMirrorMetrics(metrics: Metrics): MirrorMetrics {
  const changes = metrics.counter({
    name: `${prefix}_changes`,
    help: 'Number of EndpointSlice changes',
    labels: ['operation'],
  })
  const perSync = (name: string, help: string) =>
    metrics.histogram({ name: `${prefix}_${name}_per_sync`, help, buckets }).with({})
  const added = perSync('endpoints_added', 'Number of endpoints added on each Endpoints sync')
  const updated = perSync('endpoints_updated', 'Number of endpoints updated on each Endpoints sync')
  const removed = perSync('endpoints_removed', 'Number of endpoints removed on each Endpoints sync')
  const skipped = perSync(
    'addresses_skipped',
    'Number of addresses skipped on each Endpoints sync due to being invalid or exceeding MaxEndpointsPerSubset',
  )
  const durations = metrics
    .histogram({
      name: `${prefix}_endpoints_sync_duration`,
      help: 'Duration of syncEndpoints() in seconds',
      buckets: exponentialBuckets(0.001, 2, 15),
    })
    .with({})
  const gauge = (name: string, help: string) => metrics.gauge({ name: `${prefix}_${name}`, help }).with({})
  const endpointsDesired = gauge('endpoints_desired', 'Number of endpoints desired')
  const slices = gauge('num_endpoint_slices', 'Number of EndpointSlices')
  const desiredSlices = gauge(
    'desired_endpoint_slices',
    'Number of EndpointSlices that would exist with perfect endpoint allocation',
  )
  const totals = new Map<string, MirrorSync>()

  function count(sync: MirrorSync | undefined, by: 1 | -1): void {
    if (!sync) return
    endpointsDesired.add(by * sync.desired)
    slices.add(by * sync.slices)
    desiredSlices.add(by * sync.desiredSlices)
  }

  return {
    countChange: (operation) => changes.with({ operation }).add(),
    observe(key, sync) {
      added.observe(sync.added)
      updated.observe(sync.updated)
      removed.observe(sync.removed)
      skipped.observe(sync.skipped)
      count(totals.get(key), -1)
      count(sync, 1)
      totals.set(key, sync)
    },
    observeDuration: (seconds) => durations.observe(seconds),
    forget(key) {
      count(totals.get(key), -1)
      totals.delete(key)
    },
  }
}
