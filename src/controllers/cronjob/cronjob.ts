import type { CronJob, CronJobStatus, Job } from '../../api/generated/batch.v1.ts'
import type { ObjectReference } from '../../api/generated/core.v1.ts'
import { cronJobs, jobs } from '../../api/generated/resources.ts'
import {
  again,
  done,
  on,
  type Outcome,
  type ReconcileContext,
  type Reconciler,
} from '../../client/reconciler.ts'
import { CronError } from '../../machinery/cron/cron-fields.ts'
import { parseCronSchedule, type CronSchedule } from '../../machinery/cron/cron-schedule.ts'
import { localTimeZone, timeZone, type TimeZone } from '../../machinery/cron/time-zone.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { isControlledBy, isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { finishedCondition } from '../job/job-conditions.ts'
import { indexByController, ownedBy } from '../ownership/controller-index.ts'
import { controllerKey } from '../ownership/controller-key.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { jobFromTemplate } from './job-from-template.ts'
import { planActive } from './plan-active.ts'
import { planHistory } from './plan-history.ts'
import { planRun, ScheduleError } from './plan-run.ts'

export interface CronJobOptions {
  /** Where schedules without a time zone are meant. Default: where the process runs. */
  readonly timeZone?: TimeZone
}

/** Clocks of machines differ: a little late is better than a little too early. */
const lateMs = 100

/** Starts jobs on schedules, and clears the finished ones away. */
export function cronJobReconciler({ timeZone: zone = localTimeZone() }: CronJobOptions = {}): Reconciler {
  /** Each cron job's schedule, and since when it is that one, in milliseconds since the epoch. */
  const schedules = new Map<string, { readonly text: string; readonly sinceMs: number }>()

  return {
    name: 'cronjob',
    watches: [
      on(cronJobs, (cronJob) => [keyOf(cronJob)]),
      on(jobs, (job) => {
        const key = controllerKey(job, cronJobs)
        return key === undefined ? [] : [key]
      }),
    ],

    prepare: ({ cache }) => indexByController(cache(jobs)),

    async reconcile(key, context) {
      const { client, cache, clock } = context
      const found = cache(cronJobs).get(key)
      if (!found) {
        schedules.delete(key)
        return done
      }
      const sinceMs = noteSchedule(key, found, clock.now())
      const owned = ownedBy(cache(jobs), identityOf(found).uid)
      for (const job of planHistory(found, owned)) await deleteJob(found, job, context)

      let cronJob = await syncActive(found, owned, context)
      const run = { cronJob, sinceMs, zone, setStatus: (status: CronJobStatus) => void (cronJob = { ...cronJob, status }) }
      try {
        return isDeleting(cronJob) ? done : await start(run, context)
      } finally {
        if (!sameOnceWritten(found.status, cronJob.status))
          await client.update(cronJobs, cronJob, { subresource: 'status' })
      }
    },
  }

  /** Times that passed before a schedule became what it is are not made up for. */
  function noteSchedule(key: string, { spec }: CronJob, nowMs: number): number {
    const text = `${spec.timeZone ?? ''} ${spec.schedule}`
    const known = schedules.get(key)
    if (known?.text === text) return known.sinceMs
    const sinceMs = known ? nowMs : -Infinity
    schedules.set(key, { text, sinceMs })
    return sinceMs
  }
}
