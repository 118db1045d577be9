import type { Pod, PodCondition } from '../api/generated/core.v1.ts'
import { pods } from '../api/generated/resources.ts'
import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Clock } from '../machinery/clock.ts'
import { formatTime } from '../machinery/time.ts'

/** A condition as it is written over the pod's present one: the time moves only when the status does. */
export function conditionPatch(
  pod: Pod,
  clock: Clock,
  condition: Omit<PodCondition, 'lastTransitionTime' | 'lastProbeTime'>,
) {
  const known = pod.status?.conditions?.find(({ type }) => type === condition.type)
  const lastTransitionTime =
    known?.status === condition.status ? known.lastTransitionTime : formatTime(clock.now())
  return { ...condition, lastProbeTime: null, lastTransitionTime }
}

export async function patchPodStatus(client: Client, pod: Pod, status: object): Promise<void> {
  const { namespace = '', name = '', uid } = pod.metadata ?? {}
  const body = { metadata: { uid }, status }
  await client.patch(pods, { namespace, name }, { type: 'strategic', body }, { subresource: 'status' })
}

export interface WhyWaiting {
  readonly reason: string
  readonly message: string
  /** Where room is being made for it. */
  readonly nominatedNodeName: string | undefined
}

/** Says in the pod's status and in an event why it waits; writes the status only when it says something new. */
export async function reportWaiting(
  pod: Pod,
  { reason, message, nominatedNodeName }: WhyWaiting,
  {
    client,
    clock,
    events,
  }: { readonly client: Client; readonly clock: Clock; readonly events: EventRecorder },
): Promise<void> {
  events.event(pod, 'Warning', 'FailedScheduling', message, { action: 'Scheduling' })
  const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const saysSo = known?.status === 'False' && known.reason === reason && known.message === message
  const isNominated = (pod.status?.nominatedNodeName ?? '') === (nominatedNodeName ?? '')
  if (saysSo && isNominated) return
  const condition = conditionPatch(pod, clock, { type: 'PodScheduled', status: 'False', reason, message })
  await patchPodStatus(client, pod, {
    conditions: [condition],
    ...(!isNominated && { nominatedNodeName: nominatedNodeName ?? null }),
  })
}
