import type { Job } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { identityOf } from '../ownership/identity.ts'
import { isActive, isReady, isTerminating } from '../pods/pod-state.ts'
import { finishedMs, nextBackoff, type Backoff } from './backoff.ts'
import {
  countIndexes,
  hasIndex,
  indexesOf,
  parseIndexes,
  unionOfIndexes,
  type CompletionIndexes,
} from './completion-indexes.ts'
import { absoluteIndexFailureCount, completionIndexOf, indexFailureCount, isTracked } from './job-pod.ts'
import { hasLimitPerIndex, isIndexed, isPodFailed } from './job-spec.ts'
import { matchFailurePolicy } from './pod-failure-policy.ts'

/** What the pods of a job and its status say together. */
export interface JobObservation {
  readonly pods: readonly Pod[]
  readonly active: readonly Pod[]
  readonly ready: number
  /** On their way out, and not ended. */
  readonly terminating: number
  /** Pods, or indexes, that succeeded, counted in the status or not. */
  readonly succeeded: number
  /** Pods that failed, as far as failures count, in the status or not. */
  readonly failed: number
  /** The record of failures with the pods that are not counted yet. */
  readonly backoff: Backoff
  /** Of indexed jobs. */
  readonly indexes?: IndexObservation
}

export interface IndexObservation {
  /** What the status says. */
  readonly counted: CompletionIndexes
  /** That, and what succeeded since. */
  readonly succeeded: CompletionIndexes
  /** Of jobs with a limit of failures per index. */
  readonly failed?: CompletionIndexes
  /** The failed pods that stay until their successors have taken over their counts of failures, by index. */
  readonly awaitingSuccessor: ReadonlyMap<number, Pod>
}

/** `backoff` is the record of failures before these pods. Source: pkg/controller/job/job_controller.go, syncJob. */
export function observeJob(job: Job, pods: readonly Pod[], backoff: Backoff): JobObservation {
  const { status } = job
  const uncounted = status?.uncountedTerminatedPods
  const active = pods.filter(isActive)
  const notIn = (uids: readonly string[] = []) => {
    const known = new Set(uids)
    return (pod: Pod) => !known.has(identityOf(pod).uid)
  }
  const countable = pods.filter((pod) => isTracked(pod) && hasValidIndex(pod, job))
  const newSucceeded = countable
    .filter(notIn(uncounted?.succeeded))
    .filter((pod) => pod.status?.phase === 'Succeeded')
  const newFailed = countable.filter(notIn(uncounted?.failed)).filter((pod) => isPodFailed(pod, job))
  const policy = job.spec?.podFailurePolicy
  const counts = (pod: Pod) => matchFailurePolicy(policy, pod).counts
  const indexes = isIndexed(job) ? observeIndexes(job, countable, active) : undefined
  return {
    pods,
    active,
    ready: active.filter(isReady).length,
    terminating: pods.filter(isTerminating).length,
    succeeded: indexes
      ? countIndexes(indexes.succeeded)
      : (status?.succeeded ?? 0) + newSucceeded.length + (uncounted?.succeeded?.length ?? 0),
    failed: (status?.failed ?? 0) + newFailed.filter(counts).length + (uncounted?.failed?.length ?? 0),
    backoff: nextBackoff(backoff, newSucceeded, newFailed),
    ...(indexes && { indexes }),
  }
}

/** Pods of indexed jobs count only with an index that the job wants. */
export function hasValidIndex(pod: Pod, job: Job): boolean {
  if (!isIndexed(job)) return true
  const index = completionIndexOf(pod)
  return index !== undefined && index < (job.spec?.completions ?? 0)
}

function observeIndexes(job: Job, countable: readonly Pod[], active: readonly Pod[]): IndexObservation {
  const { completions = 0 } = job.spec ?? {}
  const { completedIndexes = '', failedIndexes = '' } = job.status ?? {}
  const counted = parseIndexes(completedIndexes, completions)
  const ended = countable.filter((pod) => pod.status?.phase === 'Succeeded')
  const succeeded = unionOfIndexes(counted, indexesOfPods(ended))
  if (!hasLimitPerIndex(job)) return { counted, succeeded, awaitingSuccessor: new Map() }

  const newlyFailed = indexesOfPods(countable.filter((pod) => isIndexFailed(pod, job)))
  const failed = unionOfIndexes(parseIndexes(failedIndexes, completions), newlyFailed)
  const taken = unionOfIndexes(unionOfIndexes(succeeded, failed), indexesOfPods(active))
  return { counted, succeeded, failed, awaitingSuccessor: findAwaiting(job, countable, taken) }
}

export function indexesOfPods(pods: readonly Pod[]): CompletionIndexes {
  return indexesOf(pods.map(completionIndexOf).filter((index) => index !== undefined))
}

/** Whether the pod's failure is one too many for its index. */
function isIndexFailed(pod: Pod, job: Job): boolean {
  if (!isPodFailed(pod, job)) return false
  const { action, counts } = matchFailurePolicy(job.spec?.podFailurePolicy, pod)
  if (action === 'FailIndex') return true
  return counts && indexFailureCount(pod) >= (job.spec?.backoffLimitPerIndex ?? Infinity)
}

/** Of each index that is not taken, the pod that failed last. */
function findAwaiting(
  job: Job,
  countable: readonly Pod[],
  taken: CompletionIndexes,
): ReadonlyMap<number, Pod> {
  const awaiting = new Map<number, Pod>()
  for (const pod of countable) {
    const index = completionIndexOf(pod)
    if (index === undefined || !isPodFailed(pod, job) || hasIndex(taken, index)) continue
    const other = awaiting.get(index)
    const isLater =
      !other ||
      (absoluteIndexFailureCount(other) <= absoluteIndexFailureCount(pod) &&
        finishedMs(pod) >= finishedMs(other))
    if (isLater) awaiting.set(index, pod)
  }
  return awaiting
}
