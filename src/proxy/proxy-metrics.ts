import type { Counter, Metrics } from '../machinery/metrics.ts'

/** What the proxy counts. Source: kubernetes/pkg/proxy/metrics. */
export interface ProxyMetrics {
  /** Rules were written: how long that took, and when. Both in seconds. */
  synced(seconds: number, atSeconds: number): void
  readonly failures: Counter
}

const buckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index)

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
  return {
    synced(seconds, atSeconds) {
      duration.observe(seconds)
      last.set(atSeconds)
    },
    failures,
  }
}
