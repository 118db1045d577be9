import type { Node } from '../../api/generated/core.v1.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import type { ZoneCounts } from './zone-eviction.ts'

const prefix = 'node_collector'

/** The zone as metrics name it: region and zone, with a separator that neither can hold; empty without both. */
export function zoneMetricLabel({ metadata }: Node): string {
  const region = metadata?.labels?.['topology.kubernetes.io/region'] ?? ''
  const zone = metadata?.labels?.['topology.kubernetes.io/zone'] ?? ''
  return region === '' && zone === '' ? '' : `${region}:\0:${zone}`
}

export interface NodeMetrics {
  /** How many nodes each zone (by its label in metrics) has, and how many of them are not ready. */
  tellZones(zones: ReadonlyMap<string, ZoneCounts>): void
  /** The pods of a node of the zone begin to be driven off. */
  countEviction(zone: string): void
  observeUpdate(seconds: number): void
}

/** Source of the names: kubernetes/pkg/controller/nodelifecycle/metrics.go. */
export function createNodeMetrics(metrics: Metrics): NodeMetrics {
  const perZone = (name: string, help: string) =>
    metrics.gauge({ name: `${prefix}_${name}`, help, labels: ['zone'] })
  const health = perZone('zone_health', 'Gauge measuring percentage of healthy nodes per zone.')
  const size = perZone('zone_size', 'Gauge measuring number of registered Nodes per zones.')
  const unhealthy = perZone('unhealthy_nodes_in_zone', 'Gauge measuring number of not Ready Nodes per zones.')
  const evictions = metrics.counter({
    name: `${prefix}_evictions_total`,
    help: 'Number of Node evictions that happened since current instance of NodeController started.',
    labels: ['zone'],
    stability: 'STABLE',
  })
  const updates = metrics.histogram({
    name: `${prefix}_update_node_health_duration_seconds`,
    help: 'Duration in seconds for NodeController to update the health of a single node.',
    buckets: exponentialBuckets(0.001, 4, 8),
  })
  let told = new Set<string>()
  return {
    tellZones(zones) {
      for (const [zone, counts] of zones) {
        size.with({ zone }).set(counts.total)
        unhealthy.with({ zone }).set(counts.unhealthy)
        health.with({ zone }).set((100 * (counts.total - counts.unhealthy)) / counts.total)
      }
      for (const zone of told) {
        if (zones.has(zone)) continue
        size.with({ zone }).set(0)
        unhealthy.with({ zone }).set(0)
        health.with({ zone }).set(100)
      }
      told = new Set(zones.keys())
    },
    countEviction: (zone) => evictions.with({ zone }).add(),
    observeUpdate: (seconds) => updates.with({}).observe(seconds),
  }
}
