import type { StatefulSet, StatefulSetStatus } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { isAvailable } from '../pods/pod-state.ts'
import { isRunningAndReady } from './plan-stateful-set.ts'
import { revisionOf } from './stateful-pod.ts'

export interface RevisionNames {
  /** Names of ControllerRevisions. */
  readonly current: string
  readonly update: string
  readonly collisionCount: number | undefined
}

/** The status that says what there is; the update revision becomes the current one when all pods have it. */
export function statefulSetStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  { current, update, collisionCount }: RevisionNames,
  nowMs: number,
): StatefulSetStatus {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  const ready = pods.filter(isRunningAndReady)
  const ofRevision = (name: string) =>
    pods.filter((pod) => !isDeleting(pod) && revisionOf(pod) === name).length
  const updatedReplicas = ofRevision(update)
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata?.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    currentReplicas: ofRevision(current),
    updatedReplicas,
    currentRevision: current,
    updateRevision: update,
    collisionCount: collisionCount ?? 0,
    ...(set.status?.conditions && { conditions: set.status.conditions }),
  }
  const wanted = set.spec?.replicas ?? 1
  const isComplete =
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    [status.replicas, status.readyReplicas, updatedReplicas].every((count) => count === wanted)
  return isComplete ? { ...status, currentRevision: update, currentReplicas: updatedReplicas } : status
}
