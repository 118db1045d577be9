import type { Pod, Taint, Toleration } from '../../api/generated/core.v1.ts'
import { tolerates } from '../../api/core/tolerations.ts'
import { parseTime } from '../../machinery/time.ts'

/** When a pod must leave its node because of NoExecute taints: milliseconds since the epoch, or undefined for never. */
export function evictionTimeMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  const times = taints
    .filter(({ effect }) => effect === 'NoExecute')
    .map((taint) => endOfToleranceMs(taint, pod.spec?.tolerations ?? [], nowMs))
    .filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Every toleration of a taint counts: the shortest decides, and one without a limit is no limit. */
function endOfToleranceMs(
  taint: Taint,
  tolerations: readonly Toleration[],
  nowMs: number,
): number | undefined {
  const matching = tolerations.filter((toleration) => tolerates(toleration, taint))
  if (matching.length === 0) return nowMs
  const limits = matching
    .map(({ tolerationSeconds }) => tolerationSeconds)
    .filter((limit) => limit !== undefined)
  if (limits.length === 0) return undefined
  const seconds = Math.max(0, Math.min(...limits))
  return Math.min(parseTime(taint.timeAdded) ?? nowMs, nowMs) + seconds * 1000
}
