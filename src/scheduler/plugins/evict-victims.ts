import { pods } from '../../api/generated/resources.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { PluginHandle } from '../framework.ts'
import { conditionPatch, patchPodStatus } from '../pod-status.ts'
import type { PodInfo } from '../pod-info.ts'
import { schedulerMetrics } from '../scheduler-metrics.ts'

/** Makes room by deleting pods, while other pods are scheduled. */
export interface Evictor {
  /**
   * Deletes victims, each told in its status and by an event for whom it goes; one that waits to be bound is refused
   * instead. Rejects with the first failure.
   */
  evict(victims: readonly PodInfo[], preemptor: PodInfo, nodeName: string): Promise<void>
  /** Whether some of a pod's victims are still to be deleted. */
  isEvictingFor(preemptor: PodInfo): boolean
}

export function createEvictor({ client, clock, events, metrics, notice, waiting }: PluginHandle): Evictor {
  const counts = schedulerMetrics(metrics)
  /** Uids of pods whose victims are being deleted. */
  const evicting = new Set<string>()

  async function evictOne(victim: PodInfo, preemptor: PodInfo, nodeName: string): Promise<void> {
    const waitingVictim = waiting.get(victim.key)
    if (waitingVictim) waitingVictim.refuse('DefaultPreemption', 'preempted')
    else if (!(await deletePod(victim, preemptor))) return
    const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`
    const related = preemptor.pod
    events.event(victim.pod, 'Normal', 'Preempted', message, { action: 'Preempting', related })
  }

  /** False when the pod is gone already. */
  async function deletePod(victim: PodInfo, preemptor: PodInfo): Promise<boolean> {
    const { namespace = '', name = '', uid } = victim.pod.metadata ?? {}
    try {
      const schedulerName = preemptor.pod.spec?.schedulerName ?? 'default-scheduler'
      const condition = conditionPatch(victim.pod, clock, {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      })
      await patchPodStatus(client, victim.pod, { conditions: [condition] })
      await client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {})
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  async function evictAll(victims: readonly PodInfo[], preemptor: PodInfo, nodeName: string): Promise<void> {
    const outcomes = await Promise.allSettled(victims.map((victim) => evictOne(victim, preemptor, nodeName)))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason as unknown
  }

  return {
    async evict(victims, preemptor, nodeName) {
      const left = victims.filter(({ pod }) => !pod.metadata?.deletionTimestamp)
      if (left.length === 0) return
      counts.preempted(victims.length)
      evicting.add(preemptor.uid)
      const startedAtMs = clock.monotonic()
      let result: 'success' | 'error' = 'error'
      try {
        await evictAll(left, preemptor, nodeName)
        result = 'success'
      } finally {
        evicting.delete(preemptor.uid)
        counts.evicted(result, clock.monotonic() - startedAtMs)
      }
      // The victims' ends may have been noticed while the preemptor was kept from being tried again.
      notice({ type: 'podRemoved', pod: left[0]!, nodeName })
    },
    isEvictingFor: ({ uid }) => evicting.has(uid),
  }
}
