import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'

/** Who works on a volume; upstream's word for nobody that is known. */
export const noPlugin = 'N/A'

/** What provisioners are asked for and how long it takes them, end to end: from the first request to its outcome. */
export interface VolumeOperations {
  /** Nothing happens when the operation is under way. */
  begin(key: string, pluginName: string, operationName: 'provision' | 'delete'): void
  /** A step of the operation failed; it goes on. No operation, no failure. */
  fail(key: string): void
  end(key: string): void
  /** Nobody waits for it any more. */
  forget(key: string): void
}

interface Operation {
  readonly labels: { readonly plugin_name: string; readonly operation_name: string }
  readonly startedMs: number
}

const labels = ['plugin_name', 'operation_name'] as const
const known = new WeakMap<Metrics, VolumeOperations>()

/** Those that are told of in these metrics. */
export function volumeOperations(context: {
  readonly metrics: Metrics
  readonly clock: Clock
}): VolumeOperations {
  const operations = known.get(context.metrics) ?? createVolumeOperations(context.metrics, context.clock)
  known.set(context.metrics, operations)
  return operations
}

/** Names as upstream: pkg/controller/volume/persistentvolume/metrics and pkg/volume/util. */
function createVolumeOperations(metrics: Metrics, clock: Clock): VolumeOperations {
  const operations = new Map<string, Operation>()
  const took = metrics.histogram({
    name: 'volume_operation_total_seconds',
    help: 'Storage operation end to end duration in seconds',
    labels,
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600],
  })
  const failures = metrics.counter({
    name: 'volume_operation_total_errors',
    help: 'Total volume operation errors',
    labels,
  })
  return {
    begin(key, plugin_name, operation_name) {
      if (operations.has(key)) return
      operations.set(key, { labels: { plugin_name, operation_name }, startedMs: clock.monotonic() })
    },
    fail(key) {
      const operation = operations.get(key)
      if (operation) failures.with(operation.labels).add()
    },
    end(key) {
      const operation = operations.get(key)
      if (!operation) return
      operations.delete(key)
      took.with(operation.labels).observe((clock.monotonic() - operation.startedMs) / 1000)
    },
    forget: (key) => void operations.delete(key),
  }
}
