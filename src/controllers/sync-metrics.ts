import type { StaleSyncs } from '../client/reconciler.ts'
import type { Clock } from '../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../machinery/metrics.ts'
import { isStatusError } from '../machinery/status-errors.ts'

/** How a controller's metrics of its runs are called. */
export interface SyncMetricNames {
  /** `root_ca_cert_publisher`: behind it come `_sync_total` and `_sync_duration_seconds`. */
  readonly prefix: string
  readonly totalHelp: string
  readonly durationHelp: string
}

/** Runs once, and counts and times it by the status that it ended with, as upstream's publishers do. */
export async function observedSync(
  { metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock },
  names: SyncMetricNames,
  run: () => Promise<void>,
): Promise<void> {
  const startMs = clock.monotonic()
  try {
    await run()
    observe(metrics, names, '200', (clock.monotonic() - startMs) / 1000)
  } catch (error) {
    const code = isStatusError(error) ? String(error.status.code) : '500'
    observe(metrics, names, code, (clock.monotonic() - startMs) / 1000)
    throw error
  }
}

function observe(
  metrics: Metrics,
  { prefix, totalHelp, durationHelp }: SyncMetricNames,
  code: string,
  seconds: number,
): void {
  const labels = ['code'] as const
  metrics
    .counter({ name: `${prefix}_sync_total`, help: totalHelp, labels })
    .with({ code })
    .add()
  metrics
    .histogram({
      name: `${prefix}_sync_duration_seconds`,
      help: durationHelp,
      labels,
      buckets: exponentialBuckets(0.001, 2, 15),
    })
    .with({ code })
    .observe(seconds)
}

/** As upstream: kubernetes/pkg/controller/replicaset/metrics and its like. */
export function staleSyncsOf(controller: string, kind: string): StaleSyncs {
  return {
    name: `${controller}_controller_stale_sync_skips_total`,
    help: `Total number of ${kind} syncs skipped due to a stale watch cache.`,
  }
}
