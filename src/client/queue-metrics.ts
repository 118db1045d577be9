import type { Clock } from '../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../machinery/metrics.ts'

/** What a work queue counts. Times are monotonic, in milliseconds. */
export interface QueueMetrics {
  depth(count: number): void
  added(): void
  retried(): void
  started(key: string, nowMs: number, waitedMs: number): void
  finished(key: string, tookMs: number): void
  /** Removes the queue's series. */
  close(): void
}

const labels = ['name'] as const
const buckets = exponentialBuckets(10e-9, 10, 10)

/** Names as upstream: component-base/metrics/prometheus/workqueue. */
export function createQueueMetrics(metrics: Metrics, clock: Clock, name: string): QueueMetrics {
  const families = {
    depth: metrics.gauge({ name: 'workqueue_depth', help: 'Current depth of workqueue', labels }),
    adds: metrics.counter({
      name: 'workqueue_adds_total',
      help: 'Total number of adds handled by workqueue',
      labels,
    }),
    retries: metrics.counter({
      name: 'workqueue_retries_total',
      help: 'Total number of retries handled by workqueue',
      labels,
    }),
    waited: metrics.histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long in seconds an item stays in workqueue before being requested.',
      labels,
      buckets,
    }),
    took: metrics.histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long in seconds processing an item from workqueue takes.',
      labels,
      buckets,
    }),
    unfinished: metrics.gauge({
      name: 'workqueue_unfinished_work_seconds',
      help: 'Seconds of work in progress that workqueue_work_duration_seconds does not count yet.',
      labels,
    }),
    longest: metrics.gauge({
      name: 'workqueue_longest_running_processor_seconds',
      help: 'How many seconds has the longest running processor for workqueue been running.',
      labels,
    }),
  }
  const depth = families.depth.with({ name })
  const adds = families.adds.with({ name })
  const retries = families.retries.with({ name })
  const waited = families.waited.with({ name })
  const took = families.took.with({ name })
  const running = new Map<string, number>()
  const endCollect = metrics.onCollect(() => {
    const now = clock.monotonic()
    let sum = 0
    let longest = 0
    for (const startedMs of running.values()) {
      sum += now - startedMs
      longest = Math.max(longest, now - startedMs)
    }
    families.unfinished.with({ name }).set(sum / 1000)
    families.longest.with({ name }).set(longest / 1000)
  })
  return {
    depth: (count) => depth.set(count),
    added: () => adds.add(),
    retried: () => retries.add(),
    started(key, nowMs, waitedMs) {
      running.set(key, nowMs)
      waited.observe(waitedMs / 1000)
    },
    finished(key, tookMs) {
      running.delete(key)
      took.observe(tookMs / 1000)
    },
    close() {
      endCollect()
      for (const family of Object.values(families)) family.remove({ name })
    },
  }
}
