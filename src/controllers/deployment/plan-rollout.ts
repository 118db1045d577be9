import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { maxSurge, maxUnavailable, replicasOf } from './rollout-limits.ts'
import {
  all,
  availableOf,
  isScaledUp,
  isUnobserved,
  oldestFirst,
  sizeOf,
  sum,
  totalSize,
  type Rollout,
} from './replica-sets.ts'

/** To give a replica set another size. */
export interface Scale {
  readonly replicaSet: ReplicaSet
  readonly replicas: number
}

/**
 * The next step of a rolling update: first the new replica set grows as far as the surge allows, and only when it
 * cannot, the old ones shrink as far as availability allows. Source: pkg/controller/deployment/rolling.go.
 */
export function planRollingUpdate(
  deployment: Deployment,
  rollout: Rollout & { readonly current: ReplicaSet },
): readonly Scale[] {
  const { current } = rollout
  const size = rollingSize(deployment, current, all(rollout))
  if (size !== sizeOf(current)) return [{ replicaSet: current, replicas: size }]
  return planOldScaleDown(deployment, rollout)
}

/**
 * How large the new replica set may be now, beside all others. A replica set counts with the pods that it has as long as
 * these are more than it should have, and nothing grows as long as one may still be making pods for the size that it had
 * before: upstream counts sizes alone, and surges too far when a replica set's controller lags.
 */
export function rollingSize(
  deployment: Deployment,
  current: ReplicaSet,
  everything: readonly ReplicaSet[],
): number {
  const wanted = replicasOf(deployment)
  const size = sizeOf(current)
  if (size >= wanted) return wanted
  if (everything.some((each) => each !== current && isUnobserved(each))) return size
  const present = sum(everything, (each) => Math.max(sizeOf(each), each.status?.replicas ?? 0))
  const room = wanted + maxSurge(deployment) - present
  return room <= 0 ? size : size + Math.min(room, wanted - size)
}

/** Pods of old replica sets that do not work go first, since nobody misses them; then those that do, the oldest first. */
function planOldScaleDown(
  deployment: Deployment,
  rollout: Rollout & { readonly current: ReplicaSet },
): readonly Scale[] {
  const { current } = rollout
  const old = rollout.old.filter(isScaledUp).toSorted(oldestFirst)
  if (old.length === 0) return []
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
  const unavailableNew = sizeOf(current) - stayingAvailable(current)
  const maxScaleDown = totalSize(all(rollout)) - minAvailable - unavailableNew
  if (maxScaleDown <= 0) return []

  const sizes = new Map(old.map((replicaSet) => [replicaSet, sizeOf(replicaSet)]))
  let broken = maxScaleDown
  for (const replicaSet of old) {
    const cut = Math.min(broken, sizeOf(replicaSet) - stayingAvailable(replicaSet))
    sizes.set(replicaSet, sizeOf(replicaSet) - cut)
    broken -= cut
  }

  let spare = sum([...old, current], stayingAvailable) - minAvailable
  for (const replicaSet of old) {
    if (spare <= 0) break
    const size = sizes.get(replicaSet)!
    const cut = Math.min(size, spare)
    sizes.set(replicaSet, size - cut)
    spare -= cut
  }
  return changed([...sizes].map(([replicaSet, replicas]) => ({ replicaSet, replicas })))
}

/**
 * Available pods that stay. Those beyond the size are going, if they are not gone already and the status lags: upstream counts
 * them, and may then take away one pod too many.
 */
function stayingAvailable(replicaSet: ReplicaSet): number {
  return Math.min(sizeOf(replicaSet), availableOf(replicaSet))
}

/** Recreate: all old replica sets to nothing. */
export function planRecreateScaleDown({ old }: Rollout): readonly Scale[] {
  return old.filter(isScaledUp).map((replicaSet) => ({ replicaSet, replicas: 0 }))
}

export function changed(scales: readonly Scale[]): readonly Scale[] {
  return scales.filter(({ replicaSet, replicas }) => sizeOf(replicaSet) !== replicas)
}
