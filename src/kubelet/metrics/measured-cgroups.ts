import type { Clock } from '../../machinery/clock.ts'
import { defaultBuckets, type Metrics } from '../../machinery/metrics.ts'
import type { CgroupManager } from '../cgroups/cgroup-manager.ts'

/** The same cgroups, whose changes are timed under upstream's name. */
export function measuredCgroups(cgroups: CgroupManager, metrics: Metrics, clock: Clock): CgroupManager {
  const seconds = metrics.histogram({
    name: 'kubelet_cgroup_manager_duration_seconds',
    help: 'How long changes of cgroups take.',
    labels: ['operation_type'],
    buckets: defaultBuckets,
  })
  async function timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const startMs = clock.monotonic()
    try {
      return await work()
    } finally {
      seconds.with({ operation_type: operation }).observe((clock.monotonic() - startMs) / 1000)
    }
  }
  return {
    version: cgroups.version,
    get limitsSwap() {
      return cgroups.limitsSwap
    },
    setUp: (allocatable) => timed('create', () => cgroups.setUp(allocatable)),
    enforce: (path, limits) => timed('update', () => cgroups.enforce(path, limits)),
    create: (pod) => timed('create', () => cgroups.create(pod)),
    balance: (pods) => timed('update', () => cgroups.balance(pods)),
    remove: (podUID) => timed('destroy', () => cgroups.remove(podUID)),
  }
}
