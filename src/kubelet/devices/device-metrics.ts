import type { Clock } from '../../machinery/clock.ts'
import { defaultBuckets, type Metrics } from '../../machinery/metrics.ts'

/** What the kubelet counts of device plugins. Source: pkg/kubelet/metrics. */
export function createDeviceMetrics(metrics: Metrics, clock: Clock) {
  const registrations = metrics.counter({
    name: 'kubelet_device_plugin_registration_total',
    help: 'Cumulative number of device plugin registrations. Broken down by resource name.',
    labels: ['resource_name'],
  })
  const durations = metrics.histogram({
    name: 'kubelet_device_plugin_alloc_duration_seconds',
    help: 'Duration in seconds to serve a device plugin Allocation request. Broken down by resource name.',
    labels: ['resource_name'],
    buckets: defaultBuckets,
  })
  return {
    registered: (resource: string) => registrations.with({ resource_name: resource }).add(),
    async timed<T>(resource: string, work: () => Promise<T>): Promise<T> {
      const startedMs = clock.monotonic()
      try {
        return await work()
      } finally {
        durations.with({ resource_name: resource }).observe((clock.monotonic() - startedMs) / 1000)
      }
    },
  }
}
