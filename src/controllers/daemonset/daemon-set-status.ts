import type { DaemonSet, DaemonSetStatus } from '../../api/generated/apps.v1.ts'
import { isAvailable, isReady } from '../pods/pod-state.ts'
import { isOfTemplate } from './daemon-pod.ts'
import type { DaemonNodes } from './plan-daemon-set.ts'

/** Of several pods on a node the oldest counts. */
export function daemonSetStatus(
  set: DaemonSet,
  { nodes }: DaemonNodes,
  hash: string,
  collisionCount: number | undefined,
  nowMs: number,
): DaemonSetStatus {
  const desired = nodes.filter(({ suitability }) => suitability.shouldRun)
  const scheduled = desired.filter(({ pods }) => pods.length > 0)
  const leading = scheduled.map(({ pods }) => pods[0]!)
  const available = leading.filter((pod) => isAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs)).length
  return {
    observedGeneration: set.metadata?.generation ?? 0,
    desiredNumberScheduled: desired.length,
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: nodes.filter(({ suitability, pods }) => !suitability.shouldRun && pods.length > 0)
      .length,
    numberReady: leading.filter(isReady).length,
    numberAvailable: available,
    numberUnavailable: desired.length - available,
    updatedNumberScheduled: leading.filter((pod) => isOfTemplate(pod, set, hash)).length,
    ...(collisionCount !== undefined && { collisionCount }),
    ...(set.status?.conditions && { conditions: set.status.conditions }),
  }
}
