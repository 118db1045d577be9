import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { desiredReplicasOf, maxReplicasOf } from './annotations.ts'
import type { Scale } from './plan-rollout.ts'
import { isRollingUpdate, maxSurge, replicasOf } from './rollout-limits.ts'
import { all, availableOf, isScaledUp, oldestFirst, sizeOf, totalSize, type Rollout } from './replica-sets.ts'

/** Whether spec.replicas has changed since the replica sets were last scaled: the user scales, the rollout waits. */
export function isScaling(deployment: Deployment, rollout: Rollout): boolean {
  return all(rollout)
    .filter(isScaledUp)
    .map(desiredReplicasOf)
    .some((desired) => desired !== undefined && desired !== replicasOf(deployment))
}

/**
 * Sizes of all replica sets after the user has scaled the deployment. One active replica set takes it all; amid a rolling
 * update each takes its share, so that the risk of the new version stays what it was. Entries may leave the size as it is:
 * their annotations change. Source: pkg/controller/deployment/sync.go.
 */
export function planScale(deployment: Deployment, rollout: Rollout): readonly Scale[] {
  const { current, old } = rollout
  const wanted = replicasOf(deployment)
  const only = activeOrLatest(rollout)
  if (only) return [{ replicaSet: only, replicas: wanted }]
  if (current && isSaturated(deployment, current))
    return old.filter(isScaledUp).map((replicaSet) => ({ replicaSet, replicas: 0 }))
  return isRollingUpdate(deployment) ? proportionally(deployment, all(rollout).filter(isScaledUp)) : []
}

/** The one replica set with pods; the newest when none has; undefined when several have. */
function activeOrLatest({ current, old }: Rollout): ReplicaSet | undefined {
  const active = all({ current, old }).filter(isScaledUp)
  if (active.length > 1) return undefined
  return active[0] ?? current ?? old.toSorted(oldestFirst).at(-1)
}

/** The new replica set has all pods that the deployment wanted, and they are available. */
function isSaturated(deployment: Deployment, current: ReplicaSet): boolean {
  const wanted = replicasOf(deployment)
  return (
    sizeOf(current) === wanted && desiredReplicasOf(current) === wanted && availableOf(current) === wanted
  )
}

function proportionally(deployment: Deployment, active: readonly ReplicaSet[]): readonly Scale[] {
  const wanted = replicasOf(deployment)
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0
  const toAdd = allowed - totalSize(active)
  const bySize = active.toSorted(
    (a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? oldestFirst(b, a) : oldestFirst(a, b)),
  )
  let added = 0
  const scales = bySize.map((replicaSet) => {
    const share = toAdd === 0 ? 0 : shareOf(replicaSet, deployment, toAdd - added, toAdd > 0)
    added += share
    return { replicaSet, replicas: sizeOf(replicaSet) + share }
  })
  return scales.map((scale, index) =>
    index === 0 && toAdd !== 0 ? { ...scale, replicas: Math.max(0, scale.replicas + toAdd - added) } : scale,
  )
}

/** The replica set's part of what is still to be added (or, below 0, to be taken away). */
function shareOf(replicaSet: ReplicaSet, deployment: Deployment, left: number, grows: boolean): number {
  if (sizeOf(replicaSet) === 0 || left === 0) return 0
  const fraction = fractionOf(replicaSet, deployment)
  return grows ? Math.min(fraction, left) : Math.max(fraction, left)
}

function fractionOf(replicaSet: ReplicaSet, deployment: Deployment): number {
  const size = sizeOf(replicaSet)
  const wanted = replicasOf(deployment)
  if (wanted === 0) return -size
  const before = maxReplicasOf(replicaSet) || deployment.status?.replicas || 0
  if (before === 0) return 0
  return Math.round((size * (wanted + maxSurge(deployment))) / before) - size
}
