import type { CronJob } from '../../api/generated/batch.v1.ts'
import { cronJobs, jobs } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { localTimeZone, type TimeZone } from '../../machinery/cron/time-zone.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { indexByController, ownedBy } from '../ownership/controller-index.ts'
import { controllerKey } from '../ownership/controller-key.ts'
import { identityOf } from '../ownership/identity.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { deleteJob } from './delete-job.ts'
import { planHistory } from './plan-history.ts'
import { runSchedule } from './run-schedule.ts'
import { syncActive } from './sync-active.ts'

export interface CronJobOptions {
  /** Where schedules without a time zone are meant. Default: where the process runs. */
  readonly timeZone?: TimeZone
}

/** Starts jobs on schedules, and clears the finished ones away. */
export function cronJobReconciler({ timeZone = localTimeZone }: CronJobOptions = {}): Reconciler {
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
      const cronJob = cache(cronJobs).get(key)
      if (!cronJob) {
        schedules.delete(key)
        return done
      }
      const owned = ownedBy(cache(jobs), identityOf(cronJob).uid)
      for (const job of planHistory(cronJob, owned)) await deleteJob(cronJob, job, context)

      const synced = await syncActive(cronJob, owned, context)
      const sinceMs = noteSchedule(key, cronJob, clock.now())
      const run = isDeleting(cronJob)
        ? { cronJob: synced, outcome: done }
        : await runSchedule(synced, { sinceMs, timeZone }, context)
      if (!sameOnceWritten(cronJob.status, run.cronJob.status))
        await client.update(cronJobs, run.cronJob, { subresource: 'status' })
      if (run.failure !== undefined) throw run.failure
      return run.outcome
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
