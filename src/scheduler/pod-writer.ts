import type { Pod, PodCondition } from '../api/generated/core.v1.ts'
import { pods } from '../api/generated/resources.ts'
import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Clock } from '../machinery/clock.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { formatTime } from '../machinery/time.ts'
import type { PodInfo } from './pod-info.ts'

export interface PodWriterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly events: EventRecorder
}

/** What the scheduler writes: bindings, why a pod waits, and preemption. */
export function createPodWriter({ client, clock, events }: PodWriterOptions) {
  function conditionPatch(pod: Pod, condition: Omit<PodCondition, 'lastTransitionTime' | 'lastProbeTime'>) {
    const known = pod.status?.conditions?.find(({ type }) => type === condition.type)
    const lastTransitionTime =
      known?.status === condition.status ? known.lastTransitionTime : formatTime(clock.now())
    return { ...condition, lastProbeTime: null, lastTransitionTime }
  }

  async function patchStatus(pod: Pod, status: object): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata ?? {}
    const body = { metadata: { uid }, status }
    await client.patch(pods, { namespace, name }, { type: 'strategic', body }, { subresource: 'status' })
  }

  async function evictOne(victim: PodInfo, preemptor: PodInfo, nodeName: string): Promise<void> {
    const { namespace = '', name = '', uid } = victim.pod.metadata ?? {}
    try {
      const schedulerName = preemptor.pod.spec?.schedulerName ?? 'default-scheduler'
      const condition = conditionPatch(victim.pod, {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      })
      await patchStatus(victim.pod, { conditions: [condition] })
      await client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {})
    } catch (error) {
      if (isNotFound(error)) return
      throw error
    }
    events.event(victim.pod, 'Normal', 'Preempted', `Preempted by pod ${preemptor.uid} on node ${nodeName}`)
  }

  return {
    async bind({ pod, key, uid }: PodInfo, nodeName: string): Promise<void> {
      const { namespace = '', name = '' } = pod.metadata ?? {}
      await client.createSubresource(pods, { namespace, name }, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { kind: 'Node', name: nodeName },
      } as object)
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`)
    },

    /** Says in the pod's status and in an event why it waits; writes the status only when it says something new. */
    async report(
      pod: Pod,
      {
        reason,
        message,
        nominatedNodeName,
      }: { reason: string; message: string; nominatedNodeName?: string | undefined },
    ): Promise<void> {
      events.event(pod, 'Warning', 'FailedScheduling', message)
      const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
      const saysSo = known?.status === 'False' && known.reason === reason && known.message === message
      const isNominated = (pod.status?.nominatedNodeName ?? '') === (nominatedNodeName ?? '')
      if (saysSo && isNominated) return
      const condition = conditionPatch(pod, { type: 'PodScheduled', status: 'False', reason, message })
      await patchStatus(pod, {
        conditions: [condition],
        ...(!isNominated && { nominatedNodeName: nominatedNodeName ?? null }),
      })
    },

    /** Deletes the victims; answers with what went wrong. */
    async evict(victims: readonly PodInfo[], preemptor: PodInfo, nodeName: string): Promise<unknown[]> {
      const outcomes = await Promise.allSettled(
        victims.map((victim) => evictOne(victim, preemptor, nodeName)),
      )
      return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    },
  }
}
