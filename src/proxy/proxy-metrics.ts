import { linearBuckets, type Counter, type Metrics } from '../machinery/metrics.ts'

/** What the proxy counts. Source: kubernetes/pkg/proxy/metrics. */
export interface ProxyMetrics {
  /** Rules were written: how long that took, and when. Both in seconds. */
  synced(seconds: number, atSeconds: number): void
  readonly failures: Counter
  /** A Service or endpoints changed, and rules wait to be written for it. */
  changed(what: 'service' | 'endpoint', atSeconds: number): void
  /** Seconds from a change of endpoints to the rules that follow it. */
  programmed(seconds: number): void
}

const buckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index)

const programmingBuckets = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
]

function changeMetrics(metrics: Metrics, what: 'service' | 'endpoint') {
  const word = what === 'service' ? 'Service' : 'Endpoint'
  return {
    pending: metrics
      .gauge({
        name: `kubeproxy_sync_proxy_rules_${what}_changes_pending`,
        help: `Pending proxy rules ${word} changes`,
      })
      .with({}),
    total: metrics
      .counter({
        name: `kubeproxy_sync_proxy_rules_${what}_changes_total`,
        help: `Cumulative proxy rules ${word} changes`,
      })
      .with({}),
  }
}

export function proxyMetrics(metrics: Metrics): ProxyMetrics {
  const duration = metrics
    .histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'SyncProxyRules latency in seconds',
      buckets,
    })
    .with({})
  const last = metrics
    .gauge({
      name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      help: 'The last time proxy rules were successfully synced',
    })
    .with({})
  const failures = metrics
    .counter({
      name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      help: 'Cumulative proxy nftables sync failures',
    })
    .with({})
  const queued = metrics
    .gauge({
      name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
      help: 'The last time a sync of proxy rules was queued',
    })
    .with({})
  const programming = metrics
    .histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'In Cluster Network Programming Latency in seconds',
      buckets: programmingBuckets,
    })
    .with({})
  const changes = { service: changeMetrics(metrics, 'service'), endpoint: changeMetrics(metrics, 'endpoint') }
  return {
    changed(what, atSeconds) {
      changes[what].total.add()
      changes[what].pending.add(1)
      queued.set(atSeconds)
    },
    programmed: (seconds) => programming.observe(seconds),
    synced(seconds, atSeconds) {
      duration.observe(seconds)
      last.set(atSeconds)
      for (const { pending } of Object.values(changes)) pending.set(0)
    },
    failures,
  }
}
