import type { CronJob } from '../../api/generated/batch.v1.ts'
import type { CronSchedule } from '../../machinery/cron/cron-schedule.ts'
import { parseTime } from '../../machinery/time.ts'

/** What is to be done about the latest time at which a job should have been started. */
export type RunPlan = {
  /** When to look again, milliseconds since the epoch; undefined when the schedule has no further time. */
  readonly nextMs: number | undefined
} & (
  | { readonly type: 'wait' }
  | { readonly type: 'tooLate'; readonly scheduledMs: number; readonly tooManyMissed: boolean }
  | { readonly type: 'forbidden'; readonly tooManyMissed: boolean }
  | { readonly type: 'start'; readonly scheduledMs: number; readonly tooManyMissed: boolean }
)

/** A schedule that has no two times to tell apart: the thirty-first of February. */
export class ScheduleError extends Error {}

/**
 * Only the latest of several missed times counts. Times up to `sinceMs`, when the schedule was changed, do not. Throws a
 * ScheduleError. Source: pkg/controller/cronjob, syncCronJob.
 */
export function planRun(
  cronJob: CronJob,
  schedule: CronSchedule,
  nowMs: number,
  sinceMs = -Infinity,
): RunPlan {
  const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec
  const { active = [], lastScheduleTime } = cronJob.status ?? {}
  const lastMs = parseTime(lastScheduleTime)
  const earliestMs = lastMs ?? parseTime(cronJob.metadata?.creationTimestamp) ?? nowMs
  const deadlineMs = startingDeadlineSeconds === undefined ? Infinity : startingDeadlineSeconds * 1000
  const { latestMs, missed } = findUnmet(schedule, Math.max(earliestMs, nowMs - deadlineMs), nowMs)
  const nextMs = nextTime(schedule, earliestMs, nowMs)

  if (latestMs === undefined || latestMs <= sinceMs) return { type: 'wait', nextMs }
  const tooManyMissed = missed > tooMany
  if (latestMs + deadlineMs < nowMs) return { type: 'tooLate', scheduledMs: latestMs, tooManyMissed, nextMs }
  const name = jobName(cronJob, latestMs)
  if (latestMs === lastMs || active.some((job) => job.name === name)) return { type: 'wait', nextMs }
  if (concurrencyPolicy === 'Forbid' && active.length > 0) return { type: 'forbidden', tooManyMissed, nextMs }
  return { type: 'start', scheduledMs: latestMs, tooManyMissed, nextMs }
}

/** The name tells the time, so that no time is served twice. */
export function jobName({ metadata }: CronJob, scheduledMs: number): string {
  return `${metadata?.name}-${Math.floor(scheduledMs / 60_000)}`
}

/** More missed times than this are worth a warning. */
const tooMany = 100

interface Unmet {
  /** The latest time after `earliestMs` and up to now; undefined when there is none. */
  readonly latestMs: number | undefined
  /** About how many there are. */
  readonly missed: number
}

/**
 * Counts and skips missed times by the distance of the first two, so that a clock that was years off costs nothing.
 */
function findUnmet(schedule: CronSchedule, earliestMs: number, nowMs: number): Unmet {
  const firstMs = schedule.next(earliestMs)
  const secondMs = firstMs === undefined ? undefined : schedule.next(firstMs)
  if (firstMs !== undefined && nowMs < firstMs) return { latestMs: undefined, missed: 0 }
  if (firstMs === undefined || secondMs === undefined || secondMs - firstMs < 500)
    throw new ScheduleError('time difference between two schedules is less than 1 second')
  if (nowMs < secondMs) return { latestMs: firstMs, missed: 0 }

  const periodMs = secondMs - firstMs
  const missed = Math.floor((nowMs - firstMs) / periodMs) + 1
  let latestMs: number | undefined
  let timeMs = schedule.next(firstMs + (missed - 2) * periodMs)
  for (; timeMs !== undefined && timeMs <= nowMs; timeMs = schedule.next(timeMs)) latestMs = timeMs
  return { latestMs, missed }
}

/** The first time after now, counted on from the latest that has passed (which matters for `@every`). */
function nextTime(schedule: CronSchedule, earliestMs: number, nowMs: number): number | undefined {
  const { latestMs, missed } = findUnmet(schedule, earliestMs, nowMs)
  return schedule.next(latestMs ?? (missed === 0 ? earliestMs : nowMs))
}
