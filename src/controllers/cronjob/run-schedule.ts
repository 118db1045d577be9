import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import { again, done, type Outcome, type ReconcileContext } from '../../client/reconciler.ts'
import { CronError } from '../../machinery/cron/cron-fields.ts'
import { parseCronSchedule, type CronSchedule } from '../../machinery/cron/cron-schedule.ts'
import { timeZone, type TimeZone } from '../../machinery/cron/time-zone.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { exponentialBuckets } from '../../machinery/metrics.ts'
import { isControlledBy } from '../../machinery/owner.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { deleteJob } from './delete-job.ts'
import { jobFromTemplate } from './job-from-template.ts'
import { planRun, ScheduleError, type RunPlan } from './plan-run.ts'

export interface ScheduleScope {
  /** Times up to this one do not count; milliseconds since the epoch. */
  readonly sinceMs: number
  /** Where schedules without a time zone are meant. */
  readonly timeZone: TimeZone
}

/** How far a run came: the cron job with its new status, which is to be written also when something failed. */
export interface Run {
  readonly cronJob: CronJob
  readonly outcome: Outcome
  readonly failure?: unknown
}

/** Clocks of machines differ: a little late is better than a little too early. */
const lateMs = 100

/** Starts the job that is due, if one is. */
export async function runSchedule(
  cronJob: CronJob,
  scope: ScheduleScope,
  context: ReconcileContext,
): Promise<Run> {
  const { clock, events } = context
  if (cronJob.spec.timeZone !== undefined && !timeZone(cronJob.spec.timeZone)) {
    const name = cronJob.spec.timeZone
    const message = `invalid timeZone: ${goQuote(name)}: unknown time zone ${name}`
    events.event(cronJob, 'Warning', 'UnknownTimeZone', message)
    return { cronJob, outcome: done }
  }
  if (cronJob.spec.suspend) return { cronJob, outcome: done }
  const plan = planDue(cronJob, scope, context)
  if (!plan) return { cronJob, outcome: done }

  const outcome = plan.nextMs === undefined ? done : again(plan.nextMs + lateMs - clock.now())
  if (plan.type !== 'wait' && plan.tooManyMissed) {
    const advice = 'Set or decrease .spec.startingDeadlineSeconds or check clock skew'
    events.event(cronJob, 'Warning', 'TooManyMissedTimes', `too many missed start times. ${advice}`)
  }
  switch (plan.type) {
    case 'wait':
      return { cronJob, outcome }
    case 'tooLate': {
      const message = `Missed scheduled time to start a job: ${rfc1123(plan.scheduledMs)}`
      events.event(cronJob, 'Warning', 'MissSchedule', message)
      return { cronJob, outcome }
    }
    case 'forbidden': {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid'
      events.event(cronJob, 'Normal', 'JobAlreadyActive', message)
      return { cronJob, outcome }
    }
    case 'start': {
      const replaced = await replaceActive(cronJob, context)
      if (replaced.failure !== undefined) return replaced
      const started = await startJob(replaced.cronJob, plan.scheduledMs, context)
      return started.failure === undefined ? { ...started, outcome } : started
    }
  }
}

/** Undefined for a schedule that cannot be followed: only a change of it helps. */
function planDue(
  cronJob: CronJob,
  { sinceMs, timeZone: zone }: ScheduleScope,
  { clock, events }: ReconcileContext,
): RunPlan | undefined {
  const { schedule } = cronJob.spec
  try {
    return planRun(cronJob, readSchedule(), clock.now(), sinceMs)
  } catch (error) {
    if (error instanceof CronError) {
      const message = `unparseable schedule: ${goQuote(schedule)} : ${error.message}`
      events.event(cronJob, 'Warning', 'UnparseableSchedule', message)
    } else if (error instanceof ScheduleError) {
      const message = `invalid schedule: ${schedule} : ${error.message}`
      events.event(cronJob, 'Warning', 'InvalidSchedule', message)
    } else throw error
    return undefined
  }

  function readSchedule(): CronSchedule {
    const name = cronJob.spec.timeZone
    if (schedule.includes('TZ')) {
      const message =
        `CRON_TZ or TZ used in schedule ${goQuote(schedule)} is not officially supported, ` +
        'see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details'
      events.event(cronJob, 'Warning', 'UnsupportedSchedule', message)
    }
    return parseCronSchedule(schedule, name === undefined ? zone : (timeZone(name) ?? zone))
  }
}

/** With the policy Replace, deletes the jobs that still run. */
async function replaceActive(cronJob: CronJob, context: ReconcileContext): Promise<Run> {
  if (cronJob.spec.concurrencyPolicy !== 'Replace') return { cronJob, outcome: done }
  const { client, events } = context
  let { active = [] } = cronJob.status ?? {}
  const withoutReplaced = () => ({ ...cronJob, status: { ...cronJob.status, active } })
  for (const reference of active) {
    const { namespace = '', name = '' } = reference
    let job: Job
    try {
      job = await client.get(jobs, { namespace, name })
    } catch (error) {
      events.event(cronJob, 'Warning', 'FailedGet', `Get job: ${messageOf(error)}`)
      return { cronJob: withoutReplaced(), outcome: done, failure: error }
    }
    if (!(await deleteJob(cronJob, job, context))) {
      const failure = new Error(`could not replace job ${namespace}/${name}`)
      return { cronJob: withoutReplaced(), outcome: done, failure }
    }
    active = active.filter((other) => other !== reference)
  }
  return { cronJob: withoutReplaced(), outcome: done }
}

/** Creates the job and lists it as active. One of its name may be there: from a run that could not write the status. */
async function startJob(cronJob: CronJob, scheduledMs: number, context: ReconcileContext): Promise<Run> {
  const { client, events, metrics, clock } = context
  const wanted = jobFromTemplate(cronJob, scheduledMs)
  let job: Job
  try {
    job = await client.create(jobs, wanted)
    metrics
      .histogram({
        name: 'cronjob_controller_job_creation_skew_duration_seconds',
        help: 'Time between when a cronjob is scheduled to be run, and when the corresponding job is created',
        stability: 'STABLE',
        buckets: exponentialBuckets(1, 2, 10),
      })
      .with({})
      .observe((clock.now() - scheduledMs) / 1000)
    events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${identityOf(job).name}`)
  } catch (error) {
    if (isNamespaceTerminating(error)) return { cronJob, outcome: done }
    if (!isAlreadyExists(error)) {
      events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
      return { cronJob, outcome: done, failure: error }
    }
    job = await client.get(jobs, identityOf(wanted))
    if (!isControlledBy(job, cronJob)) return { cronJob, outcome: done }
  }
  const { name, namespace, uid } = identityOf(job)
  const { resourceVersion = '' } = job.metadata ?? {}
  const reference = { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion }
  const active = [...(cronJob.status?.active ?? []), reference]
  const status = { ...cronJob.status, active, lastScheduleTime: formatTime(scheduledMs) }
  return { cronJob: { ...cronJob, status }, outcome: done }
}

/** RFC 1123 with the zone as a number: `Mon, 02 Jan 2006 15:04:05 +0000`. */
function rfc1123(milliseconds: number): string {
  return new Date(milliseconds).toUTCString().replace('GMT', '+0000')
}
