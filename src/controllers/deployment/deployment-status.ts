import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/apps.v1.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'
import { findCondition, withCondition, withoutCondition } from '../condition-list.ts'
import { maxUnavailable, progressDeadlineSeconds, replicasOf } from './rollout-limits.ts'
import {
  all,
  sum,
  totalActual,
  totalAvailable,
  totalSize,
  totalTerminating,
  type Rollout,
} from './replica-sets.ts'

export function deploymentCondition(
  type: string,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const now = formatTime(nowMs)
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message }
}

/** Counts over the replica sets and the Available condition; other conditions stay. */
export function countedStatus(deployment: Deployment, rollout: Rollout, nowMs: number): DeploymentStatus {
  const replicaSets = all(rollout)
  const { collisionCount, conditions } = deployment.status ?? {}
  const available = totalAvailable(replicaSets)
  const terminating = totalTerminating(replicaSets)
  return {
    observedGeneration: deployment.metadata?.generation ?? 0,
    replicas: totalActual(replicaSets),
    updatedReplicas: totalActual(rollout.current ? [rollout.current] : []),
    readyReplicas: sum(replicaSets, ({ status }) => status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(replicaSets) - available),
    ...(terminating !== undefined && { terminatingReplicas: terminating }),
    ...(collisionCount !== undefined && { collisionCount }),
    conditions: withCondition(
      conditions,
      available >= replicasOf(deployment) - maxUnavailable(deployment)
        ? deploymentCondition(
            'Available',
            'True',
            'MinimumReplicasAvailable',
            'Deployment has minimum availability.',
            nowMs,
          )
        : deploymentCondition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
            nowMs,
          ),
    ),
  }
}

/**
 * countedStatus with how the rollout goes: Progressing against the deadline, and ReplicaFailure from the replica sets.
 * Source: pkg/controller/deployment/progress.go.
 */
export function rolloutStatus(deployment: Deployment, rollout: Rollout, nowMs: number): DeploymentStatus {
  const status = countedStatus(deployment, rollout, nowMs)
  const conditions = withReplicaFailure(progressConditions(deployment, rollout, status, nowMs), rollout)
  return { ...status, conditions }
}

function progressConditions(
  deployment: Deployment,
  { current }: Rollout,
  status: DeploymentStatus,
  nowMs: number,
): readonly DeploymentCondition[] {
  const { conditions = [] } = status
  if (progressDeadlineSeconds(deployment) === undefined) return withoutCondition(conditions, 'Progressing')
  const previous = findCondition(conditions, 'Progressing')
  const wasComplete = previous?.reason === 'NewReplicaSetAvailable'
  if (wasComplete && (status.replicas ?? 0) === (status.updatedReplicas ?? 0)) return conditions

  const subject = current
    ? `ReplicaSet "${current.metadata?.name}"`
    : `Deployment "${deployment.metadata?.name}"`
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`
    return withCondition(
      conditions,
      deploymentCondition('Progressing', 'True', 'NewReplicaSetAvailable', message, nowMs),
    )
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const message = `${subject} is progressing.`
    const next = deploymentCondition('Progressing', 'True', 'ReplicaSetUpdated', message, nowMs)
    const lastTransitionTime =
      previous?.status === 'True' ? previous.lastTransitionTime : next.lastTransitionTime
    const others = withoutCondition(conditions, 'Progressing')
    return [...others, { ...next, lastTransitionTime: lastTransitionTime ?? null }]
  }
  if (hasTimedOut(deployment, previous, nowMs)) {
    const message = `${subject} has timed out progressing.`
    return withCondition(
      conditions,
      deploymentCondition('Progressing', 'False', 'ProgressDeadlineExceeded', message, nowMs),
    )
  }
  return conditions
}

/** All wanted pods are new and available, and no old ones are left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment)
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  )
}

function hasProgressed(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const oldReplicas = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldReplicas(now) < oldReplicas(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

function hasTimedOut(
  deployment: Deployment,
  progressing: DeploymentCondition | undefined,
  nowMs: number,
): boolean {
  if (!progressing || progressing.reason === 'NewReplicaSetAvailable') return false
  if (progressing.reason === 'ProgressDeadlineExceeded') return true
  return (deadlineMs(deployment, progressing) ?? Infinity) < nowMs
}

function deadlineMs(deployment: Deployment, { lastUpdateTime }: DeploymentCondition): number | undefined {
  const seconds = progressDeadlineSeconds(deployment)
  const sinceMs = parseTime(lastUpdateTime)
  return seconds === undefined || sinceMs === undefined ? undefined : sinceMs + seconds * 1000
}

/** In how many milliseconds a lack of progress becomes a failure; undefined when there is nothing to wait for. */
export function msUntilDeadline(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const progressing = findCondition(status.conditions, 'Progressing')
  if (!progressing || isComplete(deployment, status)) return undefined
  if (progressing.reason === 'ProgressDeadlineExceeded' || progressing.reason === 'NewReplicaSetAvailable')
    return undefined
  const untilMs = deadlineMs(deployment, progressing)
  return untilMs === undefined ? undefined : Math.max(0, untilMs - nowMs) + 1000
}

/** What hinders the new replica set, else any. */
function withReplicaFailure(
  conditions: readonly DeploymentCondition[],
  { current, old }: Rollout,
): readonly DeploymentCondition[] {
  const failure = (current ? [current, ...old] : old)
    .map(({ status }: ReplicaSet) => findCondition(status?.conditions, 'ReplicaFailure'))
    .find((condition) => condition !== undefined)
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure')
  const { lastTransitionTime = null } = failure
  return withCondition(conditions, { ...failure, lastTransitionTime, lastUpdateTime: lastTransitionTime })
}

/**
 * The conditions with Progressing told that the deployment is paused or goes on, so that the time of a pause does not
 * count against the deadline. A missed deadline stays what it is.
 */
export function withPause(deployment: Deployment, nowMs: number): readonly DeploymentCondition[] {
  const { conditions = [] } = deployment.status ?? {}
  const progressing = findCondition(conditions, 'Progressing')
  if (progressDeadlineSeconds(deployment) === undefined || progressing?.reason === 'ProgressDeadlineExceeded')
    return conditions
  const wasPaused = progressing?.reason === 'DeploymentPaused'
  const isPaused = deployment.spec?.paused === true
  if (isPaused === wasPaused) return conditions
  return withCondition(
    conditions,
    isPaused
      ? deploymentCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs)
      : deploymentCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs),
  )
}
