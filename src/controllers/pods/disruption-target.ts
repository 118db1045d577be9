import type { Pod } from '../../api/generated/core.v1.ts'
import { formatTime } from '../../machinery/time.ts'
import { podCondition } from './pod-state.ts'

const type = 'DisruptionTarget'

/** The pod with a condition that says who is about to end it and why; itself when it says so already. */
export function withDisruptionTarget(pod: Pod, reason: string, message: string, nowMs: number): Pod {
  const current = podCondition(pod, type)
  if (current?.status === 'True' && current.reason === reason && current.message === message) return pod
  const lastTransitionTime =
    current?.status === 'True' ? (current.lastTransitionTime ?? null) : formatTime(nowMs)
  const condition = { type, status: 'True', reason, message, lastTransitionTime }
  const others = pod.status?.conditions?.filter((other) => other.type !== type) ?? []
  return { ...pod, status: { ...pod.status, conditions: [...others, condition] } }
}
