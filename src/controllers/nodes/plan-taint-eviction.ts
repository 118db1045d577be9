import type { Pod, Taint } from '../../api/generated/core.v1.ts'
import { tolerates } from '../../api/core/tolerations.ts'
import { parseTime } from '../../machinery/time.ts'
import { podCondition } from '../pods/pod-state.ts'

/**
 * When a pod must leave its node because of NoExecute taints, of which the first was seen at `sinceMs`: milliseconds since
 * the epoch, or undefined for never.
 */
export function evictionTimeMs(pod: Pod, taints: readonly Taint[], sinceMs: number): number | undefined {
  const times = taints
    .filter(({ effect }) => effect === 'NoExecute')
    .map((taint) => endOfToleranceMs(pod, taint, sinceMs))
    .filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Every toleration of a taint counts: the shortest decides, and one without a limit is no limit. */
function endOfToleranceMs(pod: Pod, taint: Taint, sinceMs: number): number | undefined {
  const matching = (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint))
  if (matching.length === 0) return sinceMs
  const limits = matching
    .map(({ tolerationSeconds }) => tolerationSeconds)
    .filter((limit) => limit !== undefined)
  if (limits.length === 0) return undefined
  const seconds = Math.max(0, Math.min(...limits))
  return toleratedSinceMs(pod, taint, sinceMs) + seconds * 1000
}

/** A taint may tell since when there is one, which was no matter to the pod before it came to the node. */
function toleratedSinceMs(pod: Pod, taint: Taint, sinceMs: number): number {
  const addedMs = parseTime(taint.timeAdded)
  if (addedMs === undefined) return sinceMs
  const boundMs = parseTime(podCondition(pod, 'PodScheduled')?.lastTransitionTime) ?? addedMs
  return Math.min(Math.max(addedMs, boundMs), sinceMs)
}
