import type { Job, JobCondition, JobStatus, UncountedTerminatedPods } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { identityOf } from '../ownership/identity.ts'
import { countIndexes, formatIndexes, hasIndex, indexesOf, unionOfIndexes } from './completion-indexes.ts'
import { jobCondition, withJobCondition } from './job-conditions.ts'
import { completionIndexOf, isTracked } from './job-pod.ts'
import { isPodFailed } from './job-spec.ts'
import { hasValidIndex, type JobObservation } from './observe-job.ts'
import { matchFailurePolicy } from './pod-failure-policy.ts'

/**
 * Pods are counted in three writes, so that none is counted twice or forgotten whatever fails between them: their uids
 * go into status.uncountedTerminatedPods, then the pods lose their finalizer, then the uids become a number.
 */

/** The status never lists more uids than this: about 20 KB. */
const maxUncounted = 500

export interface Accounting {
  /** To be written before any finalizer is removed. */
  readonly status: JobStatus
  /** Pods to take the finalizer from. */
  readonly release: readonly Pod[]
  /** There are more pods to count, which the next run does. */
  readonly isPartial: boolean
  /** The condition with which the job ends once all is counted. */
  readonly final: JobCondition | undefined
}

/** `verdict` is why the job ends, if it does. Source: job_controller.go, trackJobStatusAndRemoveFinalizers. */
export function accountPods(
  job: Job,
  observed: JobObservation,
  verdict: JobCondition | undefined,
  nowMs: number,
): Accounting {
  const tracked = inIndexOrder(observed.pods.filter(isTracked))
  const settled = settleUncounted(job.status ?? {}, tracked.map(uidOf))
  const succeeded = new Set(settled.uncountedTerminatedPods?.succeeded)
  const failed = new Set(settled.uncountedTerminatedPods?.failed)
  const newIndexes: number[] = []
  const release: Pod[] = []
  let isPartial = false
  for (const pod of tracked) {
    if (!isReleasable(pod, job, observed, verdict)) continue
    release.push(pod)
    const uid = uidOf(pod)
    const index = completionIndexOf(pod)
    if (pod.status?.phase === 'Succeeded' && !failed.has(uid)) {
      if (!observed.indexes) succeeded.add(uid)
      else if (index !== undefined && hasValidIndex(pod, job) && !hasIndex(observed.indexes.counted, index))
        newIndexes.push(index)
    } else if (countsAsFailed(pod, job, verdict)) failed.add(uid)
    isPartial = newIndexes.length + succeeded.size + failed.size >= maxUncounted
    if (isPartial) break
  }
  const uncountedTerminatedPods = uncounted([...succeeded], [...failed])
  const status = { ...settled, uncountedTerminatedPods, ...indexStatus(observed, newIndexes) }
  return { status: withInterim(status, verdict), release, isPartial, final: finalOf(verdict, nowMs) }
}

/** Moves the uids of pods that have no finalizer any more from the lists to the counts. */
export function settleUncounted(status: JobStatus, trackedUids: readonly string[]): JobStatus {
  const tracked = new Set(trackedUids)
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {}
  const stillSucceeded = succeeded.filter((uid) => tracked.has(uid))
  const stillFailed = failed.filter((uid) => tracked.has(uid))
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - stillSucceeded.length,
    failed: (status.failed ?? 0) + failed.length - stillFailed.length,
    uncountedTerminatedPods: uncounted(stillSucceeded, stillFailed),
  }
}

/** The status of a job that has ended, once every pod is counted and none is left running; else undefined. */
export function endedStatus(
  status: JobStatus,
  { isPartial, final }: Accounting,
  terminating: number,
): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {}
  if (!final || isPartial || succeeded.length + failed.length + terminating > 0) return undefined
  return {
    ...status,
    conditions: withJobCondition(status.conditions, final),
    ...(final.type === 'Complete' &&
      final.lastTransitionTime && { completionTime: final.lastTransitionTime }),
  }
}

/**
 * Pods are let go when they have ended, or when their job has. One whose count of failures its successor must take over
 * stays until that is there.
 */
function isReleasable(
  pod: Pod,
  job: Job,
  { indexes }: JobObservation,
  verdict: JobCondition | undefined,
): boolean {
  if (isDeleting(job) || verdict || pod.status?.phase === 'Succeeded') return true
  if (!isPodFailed(pod, job)) return false
  const awaiting = indexes?.awaitingSuccessor.get(completionIndexOf(pod) ?? -1)
  return awaiting === undefined || uidOf(awaiting) !== uidOf(pod)
}

/** When a job fails, all of its pods that have not ended have failed. */
function countsAsFailed(pod: Pod, job: Job, verdict: JobCondition | undefined): boolean {
  const hasFailed = isPodFailed(pod, job) || (verdict !== undefined && verdict.type !== 'SuccessCriteriaMet')
  return hasFailed && hasValidIndex(pod, job) && matchFailurePolicy(job.spec?.podFailurePolicy, pod).counts
}

function indexStatus(
  { indexes }: JobObservation,
  newIndexes: readonly number[],
): Pick<JobStatus, 'succeeded' | 'completedIndexes' | 'failedIndexes'> {
  if (!indexes) return {}
  const completed = unionOfIndexes(indexes.succeeded, indexesOf(newIndexes))
  return {
    succeeded: countIndexes(completed),
    completedIndexes: formatIndexes(completed),
    ...(indexes.failed && { failedIndexes: formatIndexes(indexes.failed) }),
  }
}

/** The condition that is written before pods are let go, so that no later run judges otherwise. */
function withInterim(status: JobStatus, verdict: JobCondition | undefined): JobStatus {
  const isInterim = verdict?.type === 'FailureTarget' || verdict?.type === 'SuccessCriteriaMet'
  return isInterim ? { ...status, conditions: withJobCondition(status.conditions, verdict) } : status
}

function finalOf(verdict: JobCondition | undefined, nowMs: number): JobCondition | undefined {
  if (!verdict) return undefined
  const type = verdict.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed'
  return jobCondition(type, 'True', verdict.reason ?? '', verdict.message ?? '', nowMs)
}

function uncounted(succeeded: readonly string[], failed: readonly string[]): UncountedTerminatedPods {
  return { ...(succeeded.length > 0 && { succeeded }), ...(failed.length > 0 && { failed }) }
}

function inIndexOrder(pods: readonly Pod[]): readonly Pod[] {
  return pods.toSorted((a, b) => (completionIndexOf(a) ?? -1) - (completionIndexOf(b) ?? -1))
}

function uidOf(pod: Pod): string {
  return identityOf(pod).uid
}
