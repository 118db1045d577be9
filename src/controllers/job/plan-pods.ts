import type { Job } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { leastFarFirst } from '../pods/deletion-order.ts'
import { isTerminating } from '../pods/pod-state.ts'
import { backoffLeftMs, indexBackoffLeftMs } from './backoff.ts'
import { firstFreeIndexes, unionOfIndexes } from './completion-indexes.ts'
import { completionIndexOf } from './job-pod.ts'
import { hasLimitPerIndex, isSuspended, parallelismOf, replacesOnlyFailed } from './job-spec.ts'
import { hasValidIndex, indexesOfPods, type IndexObservation, type JobObservation } from './observe-job.ts'

/** Pods are created and deleted in portions of this many per run. */
const maxBurst = 500

export type PodsPlan =
  | { readonly type: 'keep' }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] }
  /** Pods are missing, but the last failure was too short a while ago. */
  | { readonly type: 'wait'; readonly waitMs: number }
  /** One pod per index; undefined where pods have none. */
  | { readonly type: 'create'; readonly indexes: readonly (number | undefined)[] }

/** What brings the number of active pods to what the job wants. Source: pkg/controller/job, manageJob. */
export function planPods(job: Job, observed: JobObservation, nowMs: number): PodsPlan {
  const { active, terminating, indexes } = observed
  if (isSuspended(job)) return active.length === 0 ? { type: 'keep' } : { type: 'delete', pods: active }

  const wanted = wantedActive(job, observed)
  const excess = excessPods(job, active, Math.max(0, active.length - wanted))
  if (excess.length > 0) return { type: 'delete', pods: excess.slice(0, maxBurst) }

  const missing = wanted - active.length - (replacesOnlyFailed(job) ? terminating : 0)
  if (missing <= 0) return { type: 'keep' }
  const waitMs = hasLimitPerIndex(job) ? 0 : backoffLeftMs(observed.backoff, nowMs)
  if (waitMs > 0) return { type: 'wait', waitMs }
  const count = Math.min(missing, maxBurst)
  if (!indexes) return { type: 'create', indexes: Array.from({ length: count }, () => undefined) }
  return planIndexes(job, observed, indexes, count, nowMs)
}

/** Never more than successes are still missing; without a number of these, none after the first. */
function wantedActive(job: Job, { active, succeeded }: JobObservation): number {
  const { completions } = job.spec ?? {}
  if (completions === undefined) return succeeded > 0 ? active.length : parallelismOf(job)
  return Math.max(0, Math.min(completions - succeeded, parallelismOf(job)))
}

function planIndexes(
  job: Job,
  { active, pods }: JobObservation,
  { succeeded, failed = [], awaitingSuccessor }: IndexObservation,
  count: number,
  nowMs: number,
): PodsPlan {
  const leaving = replacesOnlyFailed(job) ? pods.filter(isTerminating) : []
  const present = unionOfIndexes(indexesOfPods(active), indexesOfPods(leaving))
  const taken = unionOfIndexes(unionOfIndexes(succeeded, failed), present)
  const free = firstFreeIndexes(taken, count, job.spec?.completions ?? 0)
  if (!hasLimitPerIndex(job)) return free.length === 0 ? { type: 'keep' } : { type: 'create', indexes: free }

  const waits = free.map((index) => indexBackoffLeftMs(awaitingSuccessor.get(index), nowMs))
  const ready = free.filter((_, at) => waits[at] === 0)
  if (ready.length > 0) return { type: 'create', indexes: ready }
  return free.length === 0 ? { type: 'keep' } : { type: 'wait', waitMs: Math.min(...waits) }
}

/**
 * Active pods to delete: those with an index that is not wanted or that another has too, and then, up to `atLeast`, those
 * that got least far.
 */
function excessPods(job: Job, active: readonly Pod[], atLeast: number): readonly Pod[] {
  const keepers = new Map<number, Pod>()
  const surplus: Pod[] = []
  const kept: Pod[] = []
  // The last in the order of deletion stays.
  for (const pod of leastFarFirst(active).toReversed()) {
    const index = completionIndexOf(pod)
    const isRepeated = index !== undefined && keepers.has(index)
    if (job.spec?.completionMode === 'Indexed' && (!hasValidIndex(pod, job) || isRepeated)) surplus.push(pod)
    else {
      kept.push(pod)
      if (index !== undefined) keepers.set(index, pod)
    }
  }
  const more = Math.max(0, atLeast - surplus.length)
  return [...surplus, ...kept.toReversed().slice(0, more)]
}
