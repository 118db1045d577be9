import { exponentialBuckets, linearBuckets, type Labels, type Metrics } from '../machinery/metrics.ts'
import type { Family } from './addresses.ts'

/** The proxy writes the rules of both families at once, and counts them as one of each. */
const families = ['IPv4', 'IPv6'] as const

/** Which of a Service's policies: for packets to its cluster address, or to all other places. */
export type TrafficPolicy = 'internal' | 'external'

/** What the proxy counts. Source: kubernetes/pkg/proxy/metrics. */
export interface ProxyMetrics {
  /** Rules were written: how long that took, and when. Both in seconds. */
  synced(seconds: number, atSeconds: number): void
  /** Rules were refused. */
  failed(): void
  /** A Service or endpoints changed, and rules wait to be written for it. */
  changed(what: 'service' | 'endpoint', atSeconds: number): void
  /** Seconds from a change of endpoints to the rules that follow it. */
  programmed(seconds: number): void
  /** How many Service ports have endpoints, but none on this node, which their policy asks for. */
  withoutLocalEndpoints(family: Family, policy: TrafficPolicy, ports: number): void
  /** Flows of a family were looked through: how long that took, in seconds, and how many kinds were forgotten. */
  flowsReconciled(family: Family, seconds: number, forgotten: number): void
  readonly healthz: (code: number) => void
  readonly livez: (code: number) => void
}

const buckets = exponentialBuckets(0.001, 2, 15)
const labels = ['ip_family'] as const

const programmingBuckets = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
]

function changeMetrics(metrics: Metrics, what: 'service' | 'endpoint') {
  const word = what === 'service' ? 'Service' : 'Endpoint'
  return {
    pending: inFamilies(
      metrics.gauge({
        name: `kubeproxy_sync_proxy_rules_${what}_changes_pending`,
        help: `Pending proxy rules ${word} changes`,
        labels,
      }),
    ),
    total: inFamilies(
      metrics.counter({
        name: `kubeproxy_sync_proxy_rules_${what}_changes_total`,
        help: `Cumulative proxy rules ${word} changes`,
        labels,
      }),
    ),
  }
}

/** The series of both families. */
function inFamilies<Series>(metric: { with(labels: Labels<'ip_family'>): Series }): readonly Series[] {
  return families.map((family) => metric.with({ ip_family: family }))
}

function answers(metrics: Metrics, path: 'healthz' | 'livez'): (code: number) => void {
  const counter = metrics.counter({
    name: `kubeproxy_proxy_${path}_total`,
    help: `Cumulative proxy ${path} HTTP status`,
    labels: ['code'],
  })
  return (code) => counter.with({ code: `${code}` }).add()
}

export function proxyMetrics(metrics: Metrics): ProxyMetrics {
  const duration = inFamilies(
    metrics.histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'SyncProxyRules latency in seconds',
      buckets,
      labels,
    }),
  )
  const last = inFamilies(
    metrics.gauge({
      name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      help: 'The last time proxy rules were successfully synced',
      labels,
    }),
  )
  const failures = inFamilies(
    metrics.counter({
      name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      help: 'Cumulative proxy nftables sync failures',
      labels,
    }),
  )
  const queued = inFamilies(
    metrics.gauge({
      name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
      help: 'The last time a sync of proxy rules was queued',
      labels,
    }),
  )
  const programming = inFamilies(
    metrics.histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'In Cluster Network Programming Latency in seconds',
      buckets: programmingBuckets,
      labels,
    }),
  )
  const withoutLocal = metrics.gauge({
    name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    help: 'Number of services with a Local traffic policy and no endpoints',
    labels: ['ip_family', 'traffic_policy'],
  })
  const reconcileDuration = metrics.histogram({
    name: 'kubeproxy_conntrack_reconciler_sync_duration_seconds',
    help: 'ReconcileConntrackFlowsLatency latency in seconds',
    buckets,
    labels,
  })
  const forgottenFlows = metrics.counter({
    name: 'kubeproxy_conntrack_reconciler_deleted_entries_total',
    help: 'Cumulative conntrack flows deleted by conntrack reconciler',
    labels,
  })
  const changes = { service: changeMetrics(metrics, 'service'), endpoint: changeMetrics(metrics, 'endpoint') }
  return {
    changed(what, atSeconds) {
      for (const total of changes[what].total) total.add()
      for (const pending of changes[what].pending) pending.add(1)
      for (const gauge of queued) gauge.set(atSeconds)
    },
    programmed: (seconds) => programming.forEach((histogram) => histogram.observe(seconds)),
    synced(seconds, atSeconds) {
      for (const histogram of duration) histogram.observe(seconds)
      for (const gauge of last) gauge.set(atSeconds)
      for (const { pending } of Object.values(changes)) for (const gauge of pending) gauge.set(0)
    },
    failed: () => failures.forEach((counter) => counter.add()),
    withoutLocalEndpoints(family, policy, ports) {
      withoutLocal.with({ ip_family: family, traffic_policy: policy }).set(ports)
    },
    flowsReconciled(family, seconds, forgotten) {
      reconcileDuration.with({ ip_family: family }).observe(seconds)
      forgottenFlows.with({ ip_family: family }).add(forgotten)
    },
    healthz: answers(metrics, 'healthz'),
    livez: answers(metrics, 'livez'),
  }
}
