import type { Clock } from '../../machinery/clock.ts'
import { defaultBuckets, type Metrics } from '../../machinery/metrics.ts'

/** How the runtime is looked at. Upstream's names: its "pod lifecycle event generator". */
export interface ObserverMetrics {
  /** Everything has been listed; `startMs` by the monotonic clock. */
  relisted(startMs: number): void
  subscribed(outcome: 'success' | 'error', tookMs: number): void
}

/** Source: kubernetes/pkg/kubelet/metrics/metrics.go. */
export function observerMetrics(metrics: Metrics, clock: Clock): ObserverMetrics {
  const histogram = (name: string, help: string) =>
    metrics.histogram({ name, help, buckets: defaultBuckets }).with({})
  const counter = (name: string, help: string) => metrics.counter({ name, help }).with({})
  const duration = histogram('kubelet_pleg_relist_duration_seconds', 'How long listing all pods takes.')
  const interval = histogram('kubelet_pleg_relist_interval_seconds', 'Time between listings of all pods.')
  const lastSeen = metrics.gauge({
    name: 'kubelet_pleg_last_seen_seconds',
    help: 'When all pods were listed last, since the epoch.',
  })
  const connected = counter(
    'kubelet_evented_pleg_connection_success_count',
    'Subscriptions to events of the runtime.',
  )
  const failed = counter(
    'kubelet_evented_pleg_connection_error_count',
    'Subscriptions to events of the runtime that failed or ended.',
  )
  const latency = histogram(
    'kubelet_evented_pleg_connection_latency_seconds',
    'How long subscribing to events of the runtime takes.',
  )
  let lastStartMs: number | undefined
  return {
    relisted(startMs) {
      duration.observe((clock.monotonic() - startMs) / 1000)
      if (lastStartMs !== undefined) interval.observe((startMs - lastStartMs) / 1000)
      lastStartMs = startMs
      lastSeen.with({}).set(Math.floor(clock.now() / 1000))
    },
    subscribed(outcome, tookMs) {
      if (outcome === 'error') return failed.add()
      connected.add()
      latency.observe(tookMs / 1000)
    },
  }
}
