import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { scaledValue } from '../../machinery/int-or-string.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { isAvailable, isReady, isTerminal } from '../pods/pod-state.ts'
import type { ClaimView } from './claims.ts'
import { hasIdentity, isWanted, ordinalOf, replicasOf, revisionOf, startOrdinal } from './stateful-pod.ts'

export type StatefulAction =
  /** Makes the pod of an ordinal, after the template of the current or of the update revision. */
  | { readonly type: 'create'; readonly ordinal: number; readonly from: 'current' | 'update' }
  /** A pod that waits may wait for its claims. */
  | { readonly type: 'ensureClaims'; readonly pod: Pod; readonly ordinal: number }
  /** Gives a pod back the labels, volumes and claims of its place. */
  | { readonly type: 'repair'; readonly pod: Pod; readonly ordinal: number }
  /** Lets the claims of a pod that goes know what becomes of them. */
  | { readonly type: 'handOver'; readonly pod: Pod }
  /** Removes a pod that has ended, so that it can be made anew. */
  | { readonly type: 'recreate'; readonly pod: Pod }
  | { readonly type: 'scaleDown'; readonly pod: Pod }
  /** Removes a pod of another revision, so that it can be made anew. */
  | { readonly type: 'update'; readonly pod: Pod }

export interface StatefulPlan {
  /**
   * What is to be done, stage by stage; a stage begins when the one before it has gone well. It has the actions for each of
   * some pods, which follow one another.
   */
  readonly stages: readonly Stage[]
  /** Whether the pods of a stage may be seen to all at once. */
  readonly isParallel: boolean
}

export type Stage = readonly (readonly StatefulAction[])[]

export interface StatefulMembers {
  /** By place: the pod of each ordinal that the set wants, or undefined. */
  readonly replicas: readonly (Pod | undefined)[]
  /** Pods beyond the wanted ordinals, the highest first. */
  readonly condemned: readonly Pod[]
}

export function membersOf(set: StatefulSet, pods: readonly Pod[]): StatefulMembers {
  const replicas: (Pod | undefined)[] = Array.from({ length: replicasOf(set) })
  const condemned: { readonly pod: Pod; readonly ordinal: number }[] = []
  for (const pod of pods) {
    const ordinal = ordinalOf(pod, set)
    if (ordinal === undefined) continue
    if (isWanted(ordinal, set)) replicas[ordinal - startOrdinal(set)] = pod
    else condemned.push({ pod, ordinal })
  }
  return { replicas, condemned: condemned.toSorted((a, b) => b.ordinal - a.ordinal).map(({ pod }) => pod) }
}

/** What a plan goes by. */
export interface StatefulObservation {
  readonly pods: readonly Pod[]
  readonly claims: ClaimView
  /** The name of the revision that pods are to have. */
  readonly updateRevision: string
  readonly nowMs: number
}

/**
 * The next steps of a stateful set: pods come in order and go in reverse order, and each waits for the one before it,
 * unless the set manages them in parallel. A pod that waits for ever thus holds up also the update that would mend it.
 * Source: pkg/controller/statefulset/stateful_set_control.go.
 */
export function planStatefulSet(set: StatefulSet, observed: StatefulObservation): StatefulPlan {
  const isParallel = set.spec?.podManagementPolicy === 'Parallel'
  if (isDeleting(set)) return { stages: [], isParallel }
  const { claims, nowMs, updateRevision } = observed
  const { replicas, condemned } = membersOf(set, observed.pods)
  const isServing = servesAt(set, nowMs)
  const care: (readonly StatefulAction[])[] = []
  for (const [place, pod] of replicas.entries()) {
    const step = planReplica(set, pod, place, claims, isServing)
    care.push(step.actions)
    if (!isParallel && !step.isSettled) return plan(care)
  }
  const handOvers = condemned
    .filter((pod) => !claims.isOwned(pod))
    .map((pod): readonly StatefulAction[] => [{ type: 'handOver', pod }])
  const scaleDowns = planScaleDown(condemned, isParallel, isServing)
  if (!isParallel && condemned.length > 0) return plan(care, handOvers, scaleDowns)
  if (set.spec?.updateStrategy?.type === 'OnDelete') return plan(care, handOvers, scaleDowns)
  const updates = planUpdate(set, replicas, updateRevision, isServing)
  return plan(care, handOvers, scaleDowns, single(updates))

  function plan(...stages: readonly Stage[]): StatefulPlan {
    const filled = stages.map((stage) => stage.filter((actions) => actions.length > 0))
    return { stages: filled.filter((stage) => stage.length > 0), isParallel }
  }
}

function single(actions: readonly StatefulAction[]): Stage {
  return actions.map((action) => [action])
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
  claims: ClaimView,
  isServing: (pod: Pod) => boolean,
): ReplicaStep {
  const ordinal = startOrdinal(set) + place
  const isParallel = set.spec?.podManagementPolicy === 'Parallel'
  if (!pod) {
    const from = place < partitionOf(set) ? 'current' : 'update'
    return { actions: claims.isFormer(ordinal) ? [] : [{ type: 'create', ordinal, from }], isSettled: false }
  }
  if (isTerminal(pod))
    return { actions: isDeleting(pod) ? [] : [{ type: 'recreate', pod }], isSettled: false }
  const actions: StatefulAction[] = []
  const phase = pod.status?.phase
  if (phase === 'Pending' || phase === undefined) actions.push({ type: 'ensureClaims', pod, ordinal })
  const isSettled = !isDeleting(pod) && isServing(pod)
  const isInOrder = hasIdentity(pod, set, ordinal) && claims.isOwned(pod)
  if ((isSettled || isParallel) && !isInOrder) actions.push({ type: 'repair', pod, ordinal })
  return { actions, isSettled }
}

/** In order, the highest goes, once all others that stay or go later serve: but for the one that hinders itself. */
function planScaleDown(
  condemned: readonly Pod[],
  isParallel: boolean,
  isServing: (pod: Pod) => boolean,
): Stage {
  if (isParallel)
    return single(condemned.filter((pod) => !isDeleting(pod)).map((pod) => ({ type: 'scaleDown', pod })))
  const [highest] = condemned
  const firstUnhealthy = condemned.findLast((pod) => !isServing(pod) || isDeleting(pod))
  if (!highest || isDeleting(highest) || (!isServing(highest) && highest !== firstUnhealthy)) return []
  return [[{ type: 'scaleDown', pod: highest }]]
}

/**
 * Pods of another revision go from the highest ordinal down to the partition, as long as no more are away than may be. In
 * parallel those that do not serve go first, and however many they are: nobody misses them, and they may need the update.
 */
function planUpdate(
  set: StatefulSet,
  replicas: readonly (Pod | undefined)[],
  updateRevision: string,
  isServing: (pod: Pod) => boolean,
): readonly StatefulAction[] {
  const old = replicas
    .slice(partitionOf(set))
    .filter((pod) => pod !== undefined)
    .filter((pod) => !isDeleting(pod) && revisionOf(pod) !== updateRevision)
    .toReversed()
  const room = Math.max(0, maxUnavailableOf(set) - countUnavailable(replicas, isServing))
  const chosen =
    set.spec?.podManagementPolicy === 'Parallel'
      ? [...old.filter((pod) => !isServing(pod)), ...old.filter(isServing).slice(0, room)]
      : old.slice(0, room)
  // Pods that have ended are made anew anyway.
  return chosen.filter((pod) => !isTerminal(pod)).map((pod) => ({ type: 'update', pod }))
}

/** How many places have no pod that serves and stays. */
export function countUnavailable(
  replicas: readonly (Pod | undefined)[],
  isServing: (pod: Pod) => boolean,
): number {
  return replicas.filter((pod) => !pod || isDeleting(pod) || !isServing(pod)).length
}

/** Ordinals below this one, counted from the first, keep the current revision. */
function partitionOf({ spec }: StatefulSet): number {
  if (spec?.updateStrategy?.type === 'OnDelete') return 0
  return spec?.updateStrategy?.rollingUpdate?.partition ?? 0
}

/** How many places may be without a serving pod during an update: a percentage is rounded down, but to no less than 1. */
export function maxUnavailableOf(set: StatefulSet): number {
  const { maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {}
  return Math.max(1, scaledValue(maxUnavailable, replicasOf(set), false))
}

/** Tells of a pod whether it runs, and has been ready for as long as the set asks for. */
export function servesAt({ spec }: StatefulSet, nowMs: number): (pod: Pod) => boolean {
  return (pod) => isRunningAndReady(pod) && isAvailable(pod, spec?.minReadySeconds ?? 0, nowMs)
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod)
}
