import { exponentialBuckets, type Metrics } from '../machinery/metrics.ts'
import type { SchedulingQueue } from './scheduling-queue.ts'

/** Names as upstream: pkg/scheduler/metrics. */
export function schedulerMetrics(metrics: Metrics) {
  const attempts = metrics.counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Number of attempts to schedule pods, by the result.',
    labels: ['profile', 'result'],
    stability: 'STABLE',
  })
  const duration = metrics.histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Scheduling attempt latency in seconds (scheduling algorithm + binding).',
    labels: ['profile', 'result'],
    buckets: exponentialBuckets(0.001, 2, 15),
    stability: 'STABLE',
  })
  const pending = metrics.gauge({
    name: 'scheduler_pending_pods',
    help: 'Number of pending pods, by the queue type.',
    labels: ['queue'],
    stability: 'STABLE',
  })
  const victims = metrics.histogram({
    name: 'scheduler_preemption_victims',
    help: 'Number of selected preemption victims.',
    buckets: exponentialBuckets(1, 2, 7),
    stability: 'STABLE',
  })

  return {
    attempt(profile: string, result: 'scheduled' | 'unschedulable' | 'error', tookMs: number): void {
      attempts.with({ profile, result }).add()
      duration.with({ profile, result }).observe(tookMs / 1000)
    },
    pending(counts: SchedulingQueue['counts']): void {
      for (const [queue, count] of Object.entries(counts)) pending.with({ queue }).set(count)
    },
    preempted(count: number): void {
      victims.with({}).observe(count)
    },
  }
}
