import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'

/** How requests to the API server go. */
export interface RequestMetrics {
  /** A request was answered with a status, or, when `code` is `<error>`, was not. `startMs` by the monotonic clock. */
  answered(method: string, code: number | '<error>', startMs: number): void
}

const buckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** `host`: of the server. Source: k8s.io/component-base/metrics/prometheus/restclient. */
export function createRequestMetrics(metrics: Metrics, clock: Clock, host: string): RequestMetrics {
  const total = metrics.counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labels: ['code', 'host', 'method'],
  })
  const seconds = metrics.histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Request latency in seconds. Broken down by verb, and host.',
    labels: ['host', 'verb'],
    buckets,
  })
  return {
    answered(method, code, startMs) {
      total.with({ code: String(code), host, method }).add()
      seconds.with({ host, verb: method }).observe((clock.monotonic() - startMs) / 1000)
    },
  }
}
