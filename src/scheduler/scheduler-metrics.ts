import { exponentialBuckets, type Metrics } from '../machinery/metrics.ts'
import type { QueuePart, SchedulingQueue } from './scheduling-queue.ts'

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

  const preemptionAttempts = metrics.counter({
    name: 'scheduler_preemption_attempts_total',
    help: 'Total preemption attempts in the cluster till now',
    stability: 'STABLE',
  })
  const evictions = metrics.counter({
    name: 'scheduler_preemption_goroutines_execution_total',
    help: 'Number of preemption goroutines executed.',
    labels: ['result'],
  })
  const evictionDuration = metrics.histogram({
    name: 'scheduler_preemption_goroutines_duration_seconds',
    help: 'Duration in seconds for running goroutines for the preemption.',
    labels: ['result'],
    buckets: exponentialBuckets(0.01, 2, 20),
  })
  const algorithm = metrics.histogram({
    name: 'scheduler_scheduling_algorithm_duration_seconds',
    help: 'Scheduling algorithm latency in seconds',
    buckets: exponentialBuckets(0.001, 2, 15),
  })
  const attemptsPerPod = metrics.histogram({
    name: 'scheduler_pod_scheduling_attempts',
    help: 'Number of attempts to successfully schedule a pod.',
    buckets: exponentialBuckets(1, 2, 5),
    stability: 'STABLE',
  })
  const sliDuration = metrics.histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.',
    labels: ['attempts'],
    buckets: exponentialBuckets(0.01, 2, 20),
    stability: 'BETA',
  })
  const incoming = metrics.counter({
    name: 'scheduler_queue_incoming_pods_total',
    help: 'Number of pods added to scheduling queues by event and queue type.',
    labels: ['queue', 'event'],
    stability: 'STABLE',
  })
  const unschedulable = metrics.gauge({
    name: 'scheduler_unschedulable_pods',
    help: 'The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it to not schedule and so this metric have meaning only when broken down by plugin.',
    labels: ['plugin', 'profile'],
  })
  const known = new Map<string, { readonly plugin: string; readonly profile: string }>()

  return {
    attempt(profile: string, result: 'scheduled' | 'unschedulable' | 'error', tookMs: number): void {
      attempts.with({ profile, result }).add()
      duration.with({ profile, result }).observe(tookMs / 1000)
    },
    pending(counts: SchedulingQueue['counts']): void {
      for (const [queue, count] of Object.entries(counts)) pending.with({ queue }).set(count)
    },
    preemptionAttempt(): void {
      preemptionAttempts.with({}).add()
    },
    preempted(count: number): void {
      victims.with({}).observe(count)
    },
    /** All victims of one preemption have been deleted, or some could not be. */
    evicted(result: 'success' | 'error', tookMs: number): void {
      evictions.with({ result }).add()
      evictionDuration.with({ result }).observe(tookMs / 1000)
    },
    /** A pod was bound: how long it took since it came, in how many attempts. */
    scheduled(attemptCount: number, tookMs: number): void {
      attemptsPerPod.with({}).observe(attemptCount)
      sliDuration.with({ attempts: attemptCount > 15 ? '16+' : `${attemptCount}` }).observe(tookMs / 1000)
    },
    incoming(part: QueuePart, event: string): void {
      incoming.with({ queue: part, event }).add()
    },
    decided(tookMs: number): void {
      algorithm.with({}).observe(tookMs / 1000)
    },
    /** How many pods wait because of which plugins. */
    waitingBecauseOf(waiting: Iterable<{ readonly plugin: string; readonly profile: string }>): void {
      for (const labels of known.values()) unschedulable.with(labels).set(0)
      for (const labels of waiting) {
        known.set(`${labels.plugin} ${labels.profile}`, labels)
        unschedulable.with(labels).add(1)
      }
    },
  }
}
