import type {
  DeviceRequestAllocationResult,
  DeviceTaint,
  DeviceToleration,
} from '../../api/generated/resource.v1.ts'
import { parseTime } from '../../machinery/time.ts'

/** Undefined when a device is gone or has no taints. */
export type TaintsOfDevice = (result: DeviceRequestAllocationResult) => readonly DeviceTaint[] | undefined

/**
 * When a pod must leave its devices because of their NoExecute taints: milliseconds since the epoch, or undefined for
 * never. Source: kubernetes/pkg/controller/devicetainteviction.
 */
export function deviceEvictionMs(
  results: readonly DeviceRequestAllocationResult[],
  taintsOf: TaintsOfDevice,
  nowMs: number,
): number | undefined {
  const times = results.flatMap((result) =>
    (taintsOf(result) ?? [])
      .filter(({ effect }) => effect === 'NoExecute')
      .flatMap((taint) => endOfToleranceMs(taint, result.tolerations ?? [], nowMs) ?? []),
  )
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Of several tolerations the shortest decides; one without a limit is no limit. */
function endOfToleranceMs(
  taint: DeviceTaint,
  tolerations: readonly DeviceToleration[],
  nowMs: number,
): number | undefined {
  const addedMs = parseTime(taint.timeAdded) ?? nowMs
  const matching = tolerations.filter((toleration) => tolerates(toleration, taint))
  if (matching.length === 0) return addedMs
  const limits = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? [])
  return limits.length === 0 ? undefined : addedMs + Math.max(0, Math.min(...limits)) * 1000
}

function tolerates(
  { key, operator = 'Equal', value = '', effect }: DeviceToleration,
  taint: DeviceTaint,
): boolean {
  if (effect && effect !== taint.effect) return false
  if (key && key !== taint.key) return false
  return operator === 'Exists' || value === (taint.value ?? '')
}
