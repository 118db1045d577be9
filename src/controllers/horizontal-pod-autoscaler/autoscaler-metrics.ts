import type { Clock } from '../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'

export type Action = 'scale_up' | 'scale_down' | 'none'
export type Fault = 'spec' | 'internal' | 'none'

export interface AutoscalerMetrics {
  /** A look at an autoscaler begins; what is returned ends it. */
  started(clock: Clock): (action: Action, fault: Fault) => void
  /** The same, for one metric of it. */
  metricStarted(metricType: string, clock: Clock): (fault: Fault) => void
}

const buckets = exponentialBuckets(0.001, 2, 15)

/** Source of the names: kubernetes/pkg/controller/podautoscaler/monitor. */
export function createAutoscalerMetrics(metrics: Metrics): AutoscalerMetrics {
  const prefix = 'horizontal_pod_autoscaler_controller'
  const reconciliations = metrics.counter({
    name: `${prefix}_reconciliations_total`,
    help: 'Number of reconciliations of HPA controller.',
    labels: ['action', 'error'],
  })
  const reconciliationSeconds = metrics.histogram({
    name: `${prefix}_reconciliation_duration_seconds`,
    help: 'The time that HPA controller takes to reconcile once.',
    labels: ['action', 'error'],
    buckets,
  })
  const computations = metrics.counter({
    name: `${prefix}_metric_computation_total`,
    help: 'Number of metric computations.',
    labels: ['action', 'error', 'metric_type'],
  })
  const computationSeconds = metrics.histogram({
    name: `${prefix}_metric_computation_duration_seconds`,
    help: 'The time that HPA controller takes to compute one metric.',
    labels: ['action', 'error', 'metric_type'],
    buckets,
  })
  return {
    started(clock) {
      const startMs = clock.monotonic()
      return (action, error) => {
        reconciliations.with({ action, error }).add()
        reconciliationSeconds.with({ action, error }).observe((clock.monotonic() - startMs) / 1000)
      }
    },
    metricStarted(metricType, clock) {
      const startMs = clock.monotonic()
      return (error) => {
        const labels = { action: 'none', error, metric_type: metricType }
        computations.with(labels).add()
        computationSeconds.with(labels).observe((clock.monotonic() - startMs) / 1000)
      }
    },
  }
}
