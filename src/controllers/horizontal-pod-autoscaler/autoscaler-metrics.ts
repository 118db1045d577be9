import type { Clock } from '../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'

export type Action = 'scale_up' | 'scale_down' | 'none'
export type Fault = 'spec' | 'internal' | 'none'

export interface AutoscalerMetrics {
  /** A look at an autoscaler begins; what is returned ends it. */
  started(clock: Clock): (action: Action, fault: Fault) => void
  /** The same, for one metric of it. */
  metricStarted(metricType: string, clock: Clock): (action: Action, fault: Fault) => void
  /** How many replicas an autoscaler wants; undefined when it is gone. */
  tellDesired(namespace: string, name: string, replicas: number | undefined): void
  /** How many autoscalers there are. */
  tellCount(count: number): void
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
  const desired = metrics.gauge({
    name: `${prefix}_desired_replicas`,
    help: 'Current desired replica count for HPA objects.',
    labels: ['namespace', 'hpa_name'],
  })
  const count = metrics.gauge({
    name: `${prefix}_num_horizontal_pod_autoscalers`,
    help: 'Current number of controlled HPA objects.',
  })
  return {
    tellDesired(namespace, hpa_name, replicas) {
      if (replicas === undefined) desired.remove({ namespace, hpa_name })
      else desired.with({ namespace, hpa_name }).set(replicas)
    },
    tellCount: (number) => count.with({}).set(number),
    started(clock) {
      const startMs = clock.monotonic()
      return (action, error) => {
        reconciliations.with({ action, error }).add()
        reconciliationSeconds.with({ action, error }).observe((clock.monotonic() - startMs) / 1000)
      }
    },
    metricStarted(metricType, clock) {
      const startMs = clock.monotonic()
      return (action, error) => {
        const labels = { action, error, metric_type: metricType }
        computations.with(labels).add()
        computationSeconds.with(labels).observe((clock.monotonic() - startMs) / 1000)
      }
    },
  }
}
