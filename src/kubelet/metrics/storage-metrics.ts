import type { Pod } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { volumePluginName } from '../volumes/volume-plugin.ts'

/** How making volumes goes. */
export interface StorageMetrics {
  /** Does `work` on a volume of that plugin, and counts it. */
  measure<T>(operation: 'volume_mount', plugin: string, work: () => Promise<T>): Promise<T>
}

/** Of simulated volumes: nothing is done, nothing is counted. */
export const noStorageMetrics: StorageMetrics = { measure: (_operation, _plugin, work) => work() }

const buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600]

/** Source: kubernetes/pkg/volume/util/metrics.go. */
export function createStorageMetrics(metrics: Metrics, clock: Clock): StorageMetrics {
  const seconds = metrics.histogram({
    name: 'storage_operation_duration_seconds',
    help: 'How long operations on volumes take.',
    labels: ['migrated', 'operation_name', 'status', 'volume_plugin'],
    buckets,
  })
  return {
    async measure(operation, plugin, work) {
      const startMs = clock.monotonic()
      let status = 'fail-unknown'
      try {
        const result = await work()
        status = 'success'
        return result
      } finally {
        seconds
          .with({ migrated: 'false', operation_name: operation, status, volume_plugin: plugin })
          .observe((clock.monotonic() - startMs) / 1000)
      }
    },
  }
}

/** Counts volumes when it is asked: those that pods are to have, and those that they have. */
export function observeVolumes(
  metrics: Metrics,
  pods: () => readonly Pod[],
  namesOf: (pod: Pod) => ReadonlySet<string>,
): void {
  const total = metrics.gauge({
    name: 'volume_manager_total_volumes',
    help: 'Volumes of pods, by whether they are wanted or there.',
    labels: ['plugin_name', 'state'],
  })
  let told = new Set<string>()
  metrics.onCollect(() => {
    const counts = new Map<string, [desired: number, actual: number]>()
    for (const plugin of told) counts.set(plugin, [0, 0])
    for (const pod of pods()) {
      const names = namesOf(pod)
      for (const volume of pod.spec?.volumes ?? []) {
        const plugin = volumePluginName(volume)
        const [desired, actual] = counts.get(plugin) ?? [0, 0]
        counts.set(plugin, [desired + 1, actual + (names.has(volume.name) ? 1 : 0)])
      }
    }
    for (const [plugin, [desired, actual]] of counts) {
      total.with({ plugin_name: plugin, state: 'desired_state_of_world' }).set(desired)
      total.with({ plugin_name: plugin, state: 'actual_state_of_world' }).set(actual)
    }
    told = new Set(counts.keys())
  })
}
