import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { scaledValue } from '../../machinery/int-or-string.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { isAvailable, isReady } from '../pods/pod-state.ts'
import { hasIdentity, ordinalOf, revisionOf, startOrdinal } from './stateful-pod.ts'

export type StatefulAction =
  /** Makes the pod of an ordinal, after the template of the current or of the update revision. */
  | { readonly type: 'create'; readonly ordinal: number; readonly from: 'current' | 'update' }
  /** Removes a pod that has ended, so that it can be made anew. */
  | { readonly type: 'recreate'; readonly pod: Pod; readonly phase: 'Failed' | 'Succeeded' }
  /** A pod that waits may wait for its claims. */
  | { readonly type: 'ensureClaims'; readonly ordinal: number }
  /** Gives a pod back the labels and volumes of its place. */
  | { readonly type: 'repair'; readonly pod: Pod; readonly ordinal: number }
  | { readonly type: 'scaleDown'; readonly pod: Pod }
  /** Removes a pod of another revision, so that it can be made anew. */
  | { readonly type: 'update'; readonly pod: Pod }

export interface StatefulPlan {
  readonly actions: readonly StatefulAction[]
  /** Whether the actions may be done all at once. */
  readonly isParallel: boolean
}

export interface StatefulMembers {
  /** By place: the pod of each ordinal that the set wants, or undefined. */
  readonly replicas: readonly (Pod | undefined)[]
  /** Pods beyond the wanted ordinals, the highest first. */
  readonly condemned: readonly Pod[]
}

export function membersOf(set: StatefulSet, pods: readonly Pod[]): StatefulMembers {
  const start = startOrdinal(set)
  const replicas: (Pod | undefined)[] = Array.from({ length: set.spec?.replicas ?? 1 })
  const condemned: { readonly pod: Pod; readonly ordinal: number }[] = []
  for (const pod of pods) {
    const ordinal = ordinalOf(pod, set)
    if (ordinal === undefined) continue
    const place = ordinal - start
    if (place >= 0 && place < replicas.length) replicas[place] = pod
    else condemned.push({ pod, ordinal })
  }
  return { replicas, condemned: condemned.toSorted((a, b) => b.ordinal - a.ordinal).map(({ pod }) => pod) }
}

/**
 * The next steps of a stateful set: pods come in order and go in reverse order, and each waits for the one before it,
 * unless the set manages them in parallel. Source: pkg/controller/statefulset/stateful_set_control.go.
 */
export function planStatefulSet(
  set: StatefulSet,
  pods: readonly Pod[],
  updateRevision: string,
  nowMs: number,
): StatefulPlan {
  const isParallel = set.spec?.podManagementPolicy === 'Parallel'
  if (isDeleting(set)) return { actions: [], isParallel }
  const { replicas, condemned } = membersOf(set, pods)
  const actions: StatefulAction[] = []
  const isServing = (pod: Pod) =>
    isRunningAndReady(pod) && isAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs)

  for (const [place, pod] of replicas.entries()) {
    const step = planReplica(set, pod, place, isServing)
    actions.push(...step.actions)
    if (!isParallel && !step.isSettled) return { actions, isParallel }
  }

  const firstUnhealthy = [...replicas, ...condemned.toReversed()].find((pod) => pod && !isHealthy(pod))
  for (const pod of condemned) {
    if (isDeleting(pod)) {
      if (!isParallel) return { actions, isParallel }
      continue
    }
    if (!isParallel && !isServing(pod) && pod !== firstUnhealthy) return { actions, isParallel }
    actions.push({ type: 'scaleDown', pod })
    if (!isParallel) return { actions, isParallel }
  }

  if (set.spec?.updateStrategy?.type !== 'OnDelete')
    actions.push(...planUpdate(set, replicas, updateRevision, isServing))
  return { actions, isParallel }
}

interface ReplicaStep {
  readonly actions: readonly StatefulAction[]
  /** Whether the next pod may be looked at where order counts. */
  readonly isSettled: boolean
}

function planReplica(
  set: StatefulSet,
  pod: Pod | undefined,
  place: number,
  isServing: (pod: Pod) => boolean,
): ReplicaStep {
  const ordinal = startOrdinal(set) + place
  if (!pod) {
    const from = place < partitionOf(set) ? 'current' : 'update'
    return { actions: [{ type: 'create', ordinal, from }], isSettled: false }
  }
  const phase = pod.status?.phase
  if (phase === 'Failed' || phase === 'Succeeded')
    return { actions: isDeleting(pod) ? [] : [{ type: 'recreate', pod, phase }], isSettled: false }
  const claims: readonly StatefulAction[] =
    phase === 'Pending' || phase === undefined ? [{ type: 'ensureClaims', ordinal }] : []
  if (isDeleting(pod) || !isServing(pod)) return { actions: claims, isSettled: false }
  const repairs: readonly StatefulAction[] = hasIdentity(pod, set, ordinal)
    ? []
    : [{ type: 'repair', pod, ordinal }]
  return { actions: repairs, isSettled: true }
}

/**
 * Pods of another revision go from the highest ordinal down to the partition. Those that do not serve go first of all, for
 * nobody misses them; no more are away than may be.
 */
function planUpdate(
  set: StatefulSet,
  replicas: readonly (Pod | undefined)[],
  updateRevision: string,
  isServing: (pod: Pod) => boolean,
): readonly StatefulAction[] {
  const limit = maxUnavailable(set)
  const isAway = (pod: Pod | undefined) => !pod || isDeleting(pod) || !isServing(pod)
  let away = replicas.filter(isAway).length
  let busy = 0
  const actions: StatefulAction[] = []
  for (let place = replicas.length - 1; place >= partitionOf(set) && busy < limit; place--) {
    const pod = replicas[place]
    const isOld = pod && revisionOf(pod) !== updateRevision && !isDeleting(pod)
    if (isAway(pod)) {
      busy += 1
      if (isOld && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded')
        actions.push({ type: 'update', pod })
    } else if (isOld && away < limit) {
      busy += 1
      away += 1
      actions.push({ type: 'update', pod })
    }
  }
  return actions
}

/** Ordinals below this one, counted from the first, keep the current revision. */
function partitionOf({ spec }: StatefulSet): number {
  if (spec?.updateStrategy?.type === 'OnDelete') return 0
  return spec?.updateStrategy?.rollingUpdate?.partition ?? 0
}

function maxUnavailable({ spec }: StatefulSet): number {
  const limit = spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1
  return Math.max(1, scaledValue(limit, spec?.replicas ?? 1, false))
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod)
}

function isHealthy(pod: Pod): boolean {
  return isRunningAndReady(pod) && !isDeleting(pod)
}
