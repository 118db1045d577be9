import { pods } from '../../api/generated/resources.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { PluginHandle } from '../framework.ts'
import { conditionPatch, patchPodStatus } from '../pod-status.ts'
import type { PodInfo } from '../pod-info.ts'

/**
 * Deletes victims of preemption, each told in its status and by an event for whom it goes. One that waits to be bound is
 * refused instead. Rejects with the first failure, once all have been tried.
 */
export function createEvictor({ client, clock, events, waiting }: PluginHandle) {
  async function evictOne(victim: PodInfo, preemptor: PodInfo, nodeName: string): Promise<void> {
    const waitingVictim = waiting.get(victim.key)
    if (waitingVictim) return waitingVictim.refuse('DefaultPreemption', 'preempted')
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
    } catch (error) {
      if (isNotFound(error)) return
      throw error
    }
    const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`
    const related = preemptor.pod
    events.event(victim.pod, 'Normal', 'Preempted', message, { action: 'Preempting', related })
  }

  return async (victims: readonly PodInfo[], preemptor: PodInfo, nodeName: string): Promise<void> => {
    const outcomes = await Promise.allSettled(victims.map((victim) => evictOne(victim, preemptor, nodeName)))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason as unknown
  }
}
