import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { parseTime } from '../../machinery/time.ts'
import { trueCondition } from '../job/job-conditions.ts'

/** The finished jobs that are beyond the limits of the history, the oldest first. */
export function planHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = spec
  const complete = jobs.filter((job) => trueCondition(job, 'Complete'))
  const failed = jobs.filter((job) => !trueCondition(job, 'Complete') && trueCondition(job, 'Failed'))
  return [...beyond(complete, successfulJobsHistoryLimit), ...beyond(failed, failedJobsHistoryLimit)]
}

function beyond(jobs: readonly Job[], limit: number | undefined): readonly Job[] {
  const excess = limit === undefined ? 0 : jobs.length - limit
  if (excess <= 0) return []
  return jobs
    .toSorted(oldestFirst)
    .slice(0, excess)
    .filter((job) => !isDeleting(job))
}

/** By the time of their start; jobs that never started come last. */
function oldestFirst(a: Job, b: Job): number {
  const [startA = Infinity, startB = Infinity] = [
    parseTime(a.status?.startTime),
    parseTime(b.status?.startTime),
  ]
  if (startA !== startB) return startA < startB ? -1 : 1
  return compareGoStrings(a.metadata?.name ?? '', b.metadata?.name ?? '')
}
