import { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'

/** What the kubelet's API is asked. */
export interface ServerMetrics {
  /** Counts the request, and how long its answer takes. `route`: what is asked for, without names. */
  began(request: IncomingMessage, response: ServerResponse, route: string): void
  /** The certificate that is shown from now on, in PEM. */
  shows(certificate: string): void
}

const longRunning: ReadonlySet<string> = new Set(['containerLogs', 'exec', 'attach', 'portForward', 'run'])

/** Source: kubernetes/pkg/kubelet/server/metrics and k8s.io/client-go/util/certificate. */
export function createServerMetrics(metrics: Metrics, clock: Clock): ServerMetrics {
  const labels = ['long_running', 'method', 'path', 'server_type'] as const
  const total = metrics.counter({
    name: 'kubelet_http_requests_total',
    help: 'Requests to the kubelet.',
    labels,
  })
  const inflight = metrics.gauge({
    name: 'kubelet_http_inflight_requests',
    help: 'Requests to the kubelet that are being answered.',
    labels,
  })
  const seconds = metrics.histogram({
    name: 'kubelet_http_requests_duration_seconds',
    help: 'How long requests to the kubelet take.',
    labels,
    buckets: exponentialBuckets(0.005, 3, 8),
  })
  const timeToLive = metrics
    .gauge({
      name: 'kubelet_certificate_manager_server_ttl_seconds',
      help: 'How long the serving certificate is valid still; below 0 when it is not.',
    })
    .with({})
  let validUntilMs = NaN
  metrics.onCollect(() => timeToLive.set((validUntilMs - clock.now()) / 1000))
  return {
    began(request, response, route) {
      const series = {
        long_running: String(longRunning.has(route)),
        method: request.method ?? 'GET',
        path: route,
        server_type: 'readwrite',
      }
      const startMs = clock.monotonic()
      total.with(series).add()
      inflight.with(series).add(1)
      response.once('close', () => {
        inflight.with(series).add(-1)
        seconds.with(series).observe((clock.monotonic() - startMs) / 1000)
      })
    },
    shows(certificate) {
      validUntilMs = new X509Certificate(certificate).validToDate.getTime()
    },
  }
}
