import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { lowestRevisionFirst, sizeOf } from './replica-sets.ts'
import { revisionHistoryLimit } from './rollout-limits.ts'

/** The old replica sets that nobody needs any more: beyond the history limit, without pods, and settled. */
export function planCleanup(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = revisionHistoryLimit(deployment)
  if (limit === undefined) return []
  const alive = old.filter((replicaSet) => !isDeleting(replicaSet)).toSorted(lowestRevisionFirst)
  return alive.slice(0, Math.max(0, alive.length - limit)).filter(isIdle)
}

function isIdle(replicaSet: ReplicaSet): boolean {
  const { metadata, status } = replicaSet
  const isObserved = (metadata?.generation ?? 0) <= (status?.observedGeneration ?? 0)
  return isObserved && sizeOf(replicaSet) === 0 && (status?.replicas ?? 0) === 0
}
