import { isCriticalPod } from '../pods/critical-pod.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { every, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Failure } from '../pods/status/pod-status.ts'
import { evictionGraceSeconds, shortageFailure, storageFailure } from './eviction-failure.ts'
import { findPressures, noPressure } from './pressure.ts'
import { rankPods, type PodUsage } from './rank-pods.ts'
import {
  isCrossed,
  pressureOf,
  type NodePressure,
  type Readings,
  type Signal,
  type Threshold,
} from './threshold.ts'

export interface EvictionOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly thresholds: readonly Threshold[]
  /** How long a node tells a pressure after it was seen last. Default 5 minutes. */
  readonly transitionPeriodMs?: number
  /** At most this long a pod may take that a soft threshold evicts. Default 0. */
  readonly maxPodGracePeriodSeconds?: number
  readonly read: () => Promise<Readings>
  /** Of the pods that run here; asked only when one has to go, or has a limit of local storage. */
  readonly usage: (pods: readonly Pod[]) => Promise<readonly PodUsage[]>
  readonly pods: () => readonly Pod[]
  /** Frees disk without ending a pod: unused images. */
  readonly reclaimDisk: () => Promise<void>
  /** `signal`: what the node or, of its own limit, the pod has run out of. */
  readonly evict: (pod: Pod, failure: Failure, signal: Signal | 'ephemeralpodfs.limit') => void
  /** The node's pressures have changed. */
  readonly onChange: () => void
}

/** Keeps the node from running out of memory, disk and processes: says that it is short of them, and ends pods. */
export interface EvictionManager {
  /** What the node tells in its conditions. */
  readonly pressures: ReadonlySet<NodePressure>
  /** Looks once. */
  check(): Promise<void>
  stop(): void
}

const checkPeriodMs = 10_000
const defaultTransitionPeriodMs = 300_000

export function createEvictionManager(options: EvictionOptions): EvictionManager {
  const { clock, log, thresholds, transitionPeriodMs = defaultTransitionPeriodMs } = options
  let memory = noPressure
  let pressures: ReadonlySet<NodePressure> = new Set()
  let isChecking = false
  /** One pod at a time: what the end of it frees is waited for. */
  let ending: string | undefined

  async function check(): Promise<void> {
    if (await evictOverLimit()) return
    if (thresholds.length === 0) return
    const readings = await options.read()
    const found = findPressures(thresholds, readings, memory, clock.now(), transitionPeriodMs)
    const changed = found.conditions.symmetricDifference(pressures).size > 0
    ;({ memory, conditions: pressures } = found)
    if (changed) options.onChange()
    const [threshold] = found.due
    if (threshold === undefined) return
    log.warn('the node is short of a resource', { signal: threshold.signal })
    if (pressureOf[threshold.signal] === 'DiskPressure') {
      await options.reclaimDisk()
      const again = (await options.read()).get(threshold.signal)
      if (!again || !isCrossed(threshold, again, true)) return
    }
    await evictOne(threshold, readings)
  }

  async function evictOne(threshold: Threshold, readings: Readings): Promise<void> {
    const pods = options.pods()
    if (pods.some(({ metadata }) => metadata?.uid === ending)) return
    ending = undefined
    const ranked = rankPods(threshold.signal, await options.usage(pods))
    const victim = ranked.find(({ pod }) => !isCriticalPod(pod))
    const reading = readings.get(threshold.signal)
    if (!victim || !reading) return
    ending = victim.pod.metadata?.uid
    options.evict(
      victim.pod,
      shortageFailure(victim, threshold, reading, graceOf(threshold, victim.pod)),
      threshold.signal,
    )
  }

  function graceOf({ graceMs }: Threshold, pod: Pod): number {
    if (graceMs === 0) return evictionGraceSeconds
    const own = pod.spec?.terminationGracePeriodSeconds ?? 30
    return Math.min(own, options.maxPodGracePeriodSeconds ?? 0)
  }

  /** True when a pod has been ended that used more local storage than it may. */
  async function evictOverLimit(): Promise<boolean> {
    const limited = options.pods().filter(hasStorageLimit)
    if (limited.length === 0) return false
    let found = false
    for (const usage of await options.usage(limited)) {
      const failure = isCriticalPod(usage.pod) ? undefined : storageFailure(usage)
      if (!failure) continue
      options.evict(usage.pod, failure, 'ephemeralpodfs.limit')
      found = true
    }
    return found
  }

  const cancel = every(clock, checkPeriodMs, () => {
    if (isChecking) return
    isChecking = true
    check()
      .catch((error: unknown) => log.warn('looking for what the node is short of failed', { error }))
      .finally(() => (isChecking = false))
  })

  return {
    get pressures() {
      return pressures
    },
    check,
    stop: cancel,
  }
}

function hasStorageLimit({ spec }: Pod): boolean {
  const { volumes = [], containers = [] } = spec ?? {}
  return (
    volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && emptyDir.medium !== 'Memory') ||
    containers.some(({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined)
  )
}
