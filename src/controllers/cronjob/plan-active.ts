import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import type { ObjectReference } from '../../api/generated/core.v1.ts'
import { parseTime } from '../../machinery/time.ts'
import { finishedCondition, trueCondition } from '../job/job-conditions.ts'
import { identityOf } from '../ownership/identity.ts'

/** How status.active and status.lastSuccessfulTime follow from the jobs that there are. */
export interface ActivePlan {
  /** References that stay. */
  readonly active: readonly ObjectReference[]
  /** Active until now, and finished. */
  readonly finished: readonly Job[]
  /** Running, but not known to the status. */
  readonly unexpected: readonly Job[]
  /** Active, but without a job that is known. */
  readonly missing: readonly ObjectReference[]
  readonly lastSuccessfulTime: string | undefined
}

export function planActive({ status }: CronJob, jobs: readonly Job[]): ActivePlan {
  const { active = [], lastSuccessfulTime } = status ?? {}
  const byUid = new Map(jobs.map((job) => [identityOf(job).uid, job]))
  const listed = new Set(active.map(({ uid }) => uid))
  const isListed = (job: Job) => listed.has(identityOf(job).uid)
  const finished = jobs.filter((job) => isListed(job) && finishedCondition(job))
  const ended = new Set(finished.map((job) => identityOf(job).uid))
  return {
    active: active.filter(({ uid = '' }) => !ended.has(uid)),
    finished,
    unexpected: jobs.filter((job) => !isListed(job) && !finishedCondition(job)),
    missing: active.filter(({ uid = '' }) => !byUid.has(uid)),
    lastSuccessfulTime: latest(jobs, lastSuccessfulTime),
  }
}

function latest(jobs: readonly Job[], time: string | undefined): string | undefined {
  let found = time
  for (const job of jobs) {
    const { completionTime } = job.status ?? {}
    const completedMs = trueCondition(job, 'Complete') ? parseTime(completionTime) : undefined
    if (completedMs !== undefined && completedMs > (parseTime(found) ?? -Infinity)) found = completionTime
  }
  return found
}
