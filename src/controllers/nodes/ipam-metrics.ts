import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'

/** Of networks that nodes are given, by the larger network that they are out of. */
export interface IpamMetrics {
  taken(cluster: string, tries: number | undefined): void
  released(cluster: string): void
  tell(cluster: string, size: number, taken: number): void
}

/** Names and help, mistakes included, as upstream: kubernetes/pkg/controller/nodeipam/ipam/cidrset/metrics.go. */
export function createIpamMetrics(metrics: Metrics): IpamMetrics {
  const prefix = 'node_ipam_controller'
  const labels = ['clusterCIDR'] as const
  const allocations = metrics.counter({
    name: `${prefix}_cidrset_cidrs_allocations_total`,
    help: 'Counter measuring total number of CIDR allocations.',
    labels,
  })
  const releases = metrics.counter({
    name: `${prefix}_cidrset_cidrs_releases_total`,
    help: 'Counter measuring total number of CIDR releases.',
    labels,
  })
  const triesPerRequest = metrics.histogram({
    name: `${prefix}_cidrset_allocation_tries_per_request`,
    help: 'Number of endpoints added on each Service sync',
    labels,
    buckets: exponentialBuckets(1, 5, 5),
  })
  const usage = metrics.gauge({
    name: `${prefix}_cidrset_usage_cidrs`,
    help: 'Gauge measuring percentage of allocated CIDRs.',
    labels,
  })
  const most = metrics.gauge({
    name: `${prefix}_cirdset_max_cidrs`,
    help: 'Maximum number of CIDRs that can be allocated.',
    labels,
  })
  return {
    taken(clusterCIDR, tries) {
      allocations.with({ clusterCIDR }).add()
      if (tries !== undefined) triesPerRequest.with({ clusterCIDR }).observe(tries)
    },
    released: (clusterCIDR) => releases.with({ clusterCIDR }).add(),
    tell(clusterCIDR, size, taken) {
      usage.with({ clusterCIDR }).set(taken / size)
      most.with({ clusterCIDR }).set(size)
    },
  }
}
