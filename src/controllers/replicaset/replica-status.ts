import type { ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { fromLabels, matchesLabels } from '../../machinery/label-selector.ts'
import { formatTime } from '../../machinery/time.ts'
import { findCondition, withCondition, withoutCondition } from '../condition-list.ts'
import { isAvailable, isReady } from '../pods/pod-state.ts'

export interface ReplicaObservation {
  readonly generation: number
  readonly wanted: number
  readonly templateLabels: Readonly<Record<string, string>>
  readonly minReadySeconds: number
  readonly active: readonly Pod[]
  /** Absent for kinds that do not report it. */
  readonly terminating?: number
  /** What creating or deleting pods failed with, if it did. */
  readonly failure?: string
}

/** The status that says what was observed; conditions other than ReplicaFailure stay. */
export function replicaStatus(
  current: ReplicaSetStatus | undefined,
  observed: ReplicaObservation,
  nowMs: number,
): ReplicaSetStatus {
  const { active, minReadySeconds, terminating } = observed
  const template = fromLabels(observed.templateLabels)
  const conditions = failureConditions(current?.conditions, observed, nowMs)
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => matchesLabels(template, metadata?.labels ?? {}))
      .length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    ...(terminating !== undefined && { terminatingReplicas: terminating }),
    observedGeneration: observed.generation,
    ...(conditions.length > 0 && { conditions }),
  }
}

function failureConditions(
  conditions: readonly ReplicaSetCondition[] = [],
  { failure, active, wanted }: ReplicaObservation,
  nowMs: number,
): readonly ReplicaSetCondition[] {
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure')
  if (findCondition(conditions, 'ReplicaFailure')) return conditions
  return withCondition(conditions, {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: formatTime(nowMs),
    reason: active.length < wanted ? 'FailedCreate' : 'FailedDelete',
    message: failure,
  })
}
