import type { Deployment } from '../../api/generated/apps.v1.ts'
import { scaledValue } from '../../machinery/int-or-string.ts'

/** Limits that mean "none": how upstream writes an absent limit. */
const maxInt32 = 2 ** 31 - 1

export function replicasOf({ spec }: Deployment): number {
  return spec?.replicas ?? 1
}

export function isRollingUpdate({ spec }: Deployment): boolean {
  return (spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
}

/** How many pods more than wanted there may be during a rolling update. */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? limits(deployment).surge : 0
}

/** How many of the wanted pods may be unavailable during a rolling update. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment)
  if (!isRollingUpdate(deployment) || replicas === 0) return 0
  return Math.min(limits(deployment).unavailable, replicas)
}

/** Surge is rounded up and unavailability down; both 0 would be a standstill, so then one pod may be unavailable. */
function limits(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge: surgeLimit = 0, maxUnavailable: unavailableLimit = 0 } =
    deployment.spec?.strategy?.rollingUpdate ?? {}
  const replicas = replicasOf(deployment)
  const surge = scaledValue(surgeLimit, replicas, true)
  const unavailable = scaledValue(unavailableLimit, replicas, false)
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable }
}

/** Seconds without progress after which a rollout has failed; undefined when it never does. */
export function progressDeadlineSeconds({ spec }: Deployment): number | undefined {
  const seconds = spec?.progressDeadlineSeconds
  return seconds === maxInt32 ? undefined : seconds
}

/** How many old replica sets are kept for a rollback; undefined for all. */
export function revisionHistoryLimit({ spec }: Deployment): number | undefined {
  const limit = spec?.revisionHistoryLimit
  return limit === maxInt32 ? undefined : limit
}
