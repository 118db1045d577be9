import type { Pod } from '../../api/generated/core.v1.ts'
import { createMetrics, exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import type { ProbeOutcome } from './probe-outcome.ts'

/** What probes have found, as /metrics/probes tells it. */
export interface ProbeMetrics {
  readonly metrics: Metrics
  count(pod: Pod, container: string, kind: string, outcome: ProbeOutcome, tookSeconds: number): void
  /** The pod is gone. */
  forget(podUID: string): void
}

const results = { success: 'successful', warning: 'successful', failure: 'failed', error: 'unknown' } as const

/** Apart from the other metrics: there are as many series as containers. */
export function createProbeMetrics(): ProbeMetrics {
  const metrics = createMetrics()
  const total = metrics.counter({
    name: 'prober_probe_total',
    help: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
    labels: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
    stability: 'BETA',
  })
  const duration = metrics.histogram({
    name: 'prober_probe_duration_seconds',
    help: 'Duration in seconds for a probe response.',
    labels: ['probe_type', 'container', 'pod', 'namespace'],
    buckets: exponentialBuckets(0.005, 2, 11),
  })
  const removals = new Map<string, Map<string, () => void>>()
  return {
    metrics,
    count(pod, container, kind, { result }, tookSeconds) {
      const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
      const labels = { probe_type: kind[0]!.toUpperCase() + kind.slice(1), container, pod: name, namespace }
      const counted = { ...labels, result: results[result], pod_uid: uid }
      total.with(counted).add()
      duration.with(labels).observe(tookSeconds)
      let own = removals.get(uid)
      if (own === undefined) removals.set(uid, (own = new Map()))
      own.set(`${kind}/${container}/${result}`, () => {
        total.remove(counted)
        duration.remove(labels)
      })
    },
    forget(podUID) {
      for (const remove of removals.get(podUID)?.values() ?? []) remove()
      removals.delete(podUID)
    },
  }
}
