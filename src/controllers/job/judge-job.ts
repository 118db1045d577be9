import type { Job, JobCondition } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { parseTime } from '../../machinery/time.ts'
import { countIndexes } from './completion-indexes.ts'
import { jobCondition, trueCondition } from './job-conditions.ts'
import { backoffLimitOf, isPodFailed, isSuspended } from './job-spec.ts'
import type { IndexObservation, JobObservation } from './observe-job.ts'
import { matchFailurePolicy } from './pod-failure-policy.ts'
import { matchSuccessPolicy } from './success-policy.ts'

/**
 * The condition that says why the job comes to its end, if it does: FailureTarget or SuccessCriteriaMet while its pods
 * are being brought to theirs, Failed when FailureTarget stands already.
 */
export function judgeJob(job: Job, observed: JobObservation, nowMs: number): JobCondition | undefined {
  const met = trueCondition(job, 'SuccessCriteriaMet')
  if (met) return met
  const target = trueCondition(job, 'FailureTarget')
  if (target) return jobCondition('Failed', 'True', target.reason ?? '', target.message ?? '', nowMs)
  const failure = findFailure(job, observed, nowMs)
  if (failure) return jobCondition('FailureTarget', 'True', failure.reason, failure.message, nowMs)
  if (!observed.indexes) return undefined
  const { completions = 0, successPolicy } = job.spec ?? {}
  const match = matchSuccessPolicy(successPolicy, completions, observed.indexes.succeeded)
  return match === undefined
    ? undefined
    : jobCondition('SuccessCriteriaMet', 'True', 'SuccessPolicy', match, nowMs)
}

/** The condition for a job that has had all the successes that it needs. */
export function completionsReached(nowMs: number): JobCondition {
  const message = 'Reached expected number of succeeded pods'
  return jobCondition('SuccessCriteriaMet', 'True', 'CompletionsReached', message, nowMs)
}

/** Without a number of completions one success suffices; running pods are waited for. */
export function hasReachedCompletions({ spec }: Job, succeeded: number, active: number): boolean {
  const { completions } = spec ?? {}
  return active === 0 && (completions === undefined ? succeeded > 0 : succeeded >= completions)
}

/** In how many milliseconds the job's time is up; undefined when it is not limited or does not run. */
export function msUntilDeadline(job: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec ?? {}
  const startMs = parseTime(job.status?.startTime)
  if (activeDeadlineSeconds === undefined || startMs === undefined || isSuspended(job)) return undefined
  return startMs + activeDeadlineSeconds * 1000 - nowMs
}

interface Failure {
  readonly reason: string
  readonly message: string
}

function findFailure(job: Job, observed: JobObservation, nowMs: number): Failure | undefined {
  const { pods, failed, indexes } = observed
  for (const pod of pods) {
    if (!isPodFailed(pod, job)) continue
    const { jobFailure } = matchFailurePolicy(job.spec?.podFailurePolicy, pod)
    if (jobFailure !== undefined) return { reason: 'PodFailurePolicy', message: jobFailure }
  }
  if (failed > backoffLimitOf(job) || hasRestartedTooOften(job, pods)) {
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
  }
  if ((msUntilDeadline(job, nowMs) ?? Infinity) <= 0)
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }
  return indexes && findIndexFailure(job, indexes)
}

function findIndexFailure({ spec }: Job, indexes: IndexObservation): Failure | undefined {
  const { maxFailedIndexes = Infinity, completions = 0 } = spec ?? {}
  const failed = countIndexes(indexes.failed ?? [])
  if (failed > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes'
    return { reason: 'MaxFailedIndexesExceeded', message }
  }
  const isEveryIndexDecided = failed + countIndexes(indexes.succeeded) >= completions
  return failed > 0 && isEveryIndexDecided
    ? { reason: 'FailedIndexes', message: 'Job has failed indexes' }
    : undefined
}

/** Restarts of containers count as failures where pods restart them themselves. */
function hasRestartedTooOften(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false
  const limit = backoffLimitOf(job)
  let restarts = 0
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue
    for (const { restartCount } of [
      ...(status.initContainerStatuses ?? []),
      ...(status.containerStatuses ?? []),
    ])
      restarts += restartCount
  }
  return limit === 0 ? restarts > 0 : restarts >= limit
}
