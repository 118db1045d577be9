import type { Job, JobCondition } from '../../api/generated/batch.v1.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import { countIndexes, parseIndexes } from './completion-indexes.ts'
import { hasLimitPerIndex, isIndexed } from './job-spec.ts'

/** What a run for a job mainly did. */
export type JobAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted'

const prefix = 'job_controller'

function completionMode({ spec }: Job): string {
  return spec?.completionMode ?? 'NonIndexed'
}

/** Names as upstream: kubernetes/pkg/controller/job/metrics. */
export function countSync(
  metrics: Metrics,
  job: Job,
  run: { readonly action: JobAction; readonly result: 'success' | 'error'; readonly tookMs: number },
): void {
  const labels = ['completion_mode', 'result', 'action'] as const
  const values = { completion_mode: completionMode(job), result: run.result, action: run.action }
  metrics
    .counter({
      name: `${prefix}_job_syncs_total`,
      help: 'The number of job syncs',
      labels,
      stability: 'STABLE',
    })
    .with(values)
    .add()
  metrics
    .histogram({
      name: `${prefix}_job_sync_duration_seconds`,
      help: 'The time it took to sync a job',
      labels,
      stability: 'STABLE',
      buckets: exponentialBuckets(0.004, 2, 15),
    })
    .with(values)
    .observe(run.tookMs / 1000)
}

/** A job has come to its end. */
export function countFinishedJob(metrics: Metrics, job: Job, { type, reason = '' }: JobCondition): void {
  metrics
    .counter({
      name: `${prefix}_jobs_finished_total`,
      help: 'The number of finished jobs',
      labels: ['completion_mode', 'result', 'reason'],
      stability: 'STABLE',
    })
    .with({
      completion_mode: completionMode(job),
      result: type === 'Complete' ? 'succeeded' : 'failed',
      reason,
    })
    .add()
}

/** Pods that have been counted in the status. */
export function countFinishedPods(metrics: Metrics, job: Job, before: Job): void {
  const counter = metrics.counter({
    name: `${prefix}_job_pods_finished_total`,
    help: 'The number of finished pods of jobs that have been accounted for',
    labels: ['completion_mode', 'result'],
    stability: 'STABLE',
  })
  for (const result of ['succeeded', 'failed'] as const) {
    const added = (job.status?.[result] ?? 0) - (before.status?.[result] ?? 0)
    if (added > 0) counter.with({ completion_mode: completionMode(job), result }).add(added)
  }
}

/** Indexes that have been counted in the status of an indexed job. */
export function countFinishedIndexes(metrics: Metrics, job: Job, before: Job): void {
  if (!isIndexed(job)) return
  const { completions = 0 } = job.spec ?? {}
  const counter = metrics.counter({
    name: `${prefix}_job_finished_indexes_total`,
    help: 'The number of indexes that have succeeded or failed, by whether each may fail so often or all together',
    labels: ['status', 'backoffLimit'],
  })
  const fields = { succeeded: 'completedIndexes', failed: 'failedIndexes' } as const
  for (const [status, field] of Object.entries(fields)) {
    const count = (of: Job) => countIndexes(parseIndexes(of.status?.[field] ?? '', completions))
    const added = count(job) - count(before)
    const backoffLimit = hasLimitPerIndex(job) ? 'perIndex' : 'global'
    if (added > 0) counter.with({ status, backoffLimit }).add(added)
  }
}

/** Pods that were to be created; `replaces` tells whether others of the job have failed, or are on their way out. */
export function countCreatedPods(
  metrics: Metrics,
  job: Job,
  created: {
    readonly succeeded: number
    readonly failed: number
    readonly replaces: { readonly failed: boolean; readonly terminating: boolean }
  },
): void {
  const { failed, terminating } = created.replaces
  const waitsForFailure = job.spec?.podReplacementPolicy === 'Failed'
  const replacement = waitsForFailure && failed ? 'recreate_failed' : 'recreate_terminating_or_failed'
  const counter = metrics.counter({
    name: `${prefix}_job_pods_creation_total`,
    help: 'The number of pods that jobs have created, by whether they replace others and which these may be',
    labels: ['reason', 'status'],
  })
  for (const status of ['succeeded', 'failed'] as const) {
    const reason = failed || terminating ? replacement : 'new'
    if (created[status] > 0) counter.with({ reason, status }).add(created[status])
  }
}

/** A pod that has ended has (`add`), or has no more (`delete`), the finalizer by which jobs count it. */
export function countTrackedEnd(metrics: Metrics, event: 'add' | 'delete'): void {
  metrics
    .counter({
      name: `${prefix}_terminated_pods_tracking_finalizer_total`,
      help: 'The number of ended pods that came to have, or lost, the finalizer by which jobs count them',
      labels: ['event'],
    })
    .with({ event })
    .add()
}

/** A rule of a pod failure policy has been applied. */
export function countHandledFailure(metrics: Metrics, action: string): void {
  metrics
    .counter({
      name: `${prefix}_pod_failures_handled_by_failure_policy_total`,
      help: 'The number of failed pods by the action of the pod failure policy that applied to them',
      labels: ['action'],
    })
    .with({ action })
    .add()
}

/** A job that others manage has been seen. */
export function countForeignJob(metrics: Metrics, controller: string): void {
  metrics
    .counter({
      name: `${prefix}_jobs_by_external_controller_total`,
      help: 'The number of jobs managed by other controllers',
      labels: ['controller_name'],
    })
    .with({ controller_name: controller })
    .add()
}
