import type { Metrics } from '../machinery/metrics.ts'
import type { StaleSyncs } from './reconciler.ts'
import type { Written } from './written.ts'

/** Counts how often a key is asked for while the caches lag behind what its last run wrote. */
export interface StaleSyncCount {
  /** From now on, `key` waits for what was written. */
  held(key: string, written: Pick<Written, 'behind'>): void
  /** Somebody asks for a key; nothing is counted when it is not held. */
  asked(key: string): void
  released(key: string): void
}

/** Source: kubernetes/pkg/controller/util/consistency, which names one lagging resource for each run that is put off. */
export function countStaleSyncs(metrics: Metrics, { name, help }: StaleSyncs): StaleSyncCount {
  const skips = metrics.counter({ name, help, labels: ['group', 'resource'] })
  const held = new Map<string, Pick<Written, 'behind'>>()
  const asked = new Set<string>()
  function count(key: string): void {
    asked.delete(key)
    const lagging = held.get(key)?.behind()
    if (lagging) skips.with({ group: lagging.group, resource: lagging.resource }).add()
  }
  return {
    held: (key, written) => void held.set(key, written),
    asked(key) {
      if (!held.has(key) || asked.has(key)) return
      asked.add(key)
      // Whoever asks may do it twice for one change, and before the cache has come to that: it may be what is waited for.
      queueMicrotask(() => count(key))
    },
    released: (key) => void held.delete(key),
  }
}
