import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import type { ObjectReference } from '../../api/generated/core.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { finishedCondition } from '../job/job-conditions.ts'
import { identityOf } from '../ownership/identity.ts'
import { planActive } from './plan-active.ts'

/** The cron job with the status that its jobs ask for; what happened to them is told in events. */
export async function syncActive(
  cronJob: CronJob,
  owned: readonly Job[],
  context: ReconcileContext,
): Promise<CronJob> {
  const { events } = context
  const plan = planActive(cronJob, owned)
  for (const job of plan.unexpected) {
    const message = `Saw a job that the controller did not create or forgot: ${identityOf(job).name}`
    events.event(cronJob, 'Warning', 'UnexpectedJob', message)
  }
  for (const job of plan.finished) {
    const message = `Saw completed job: ${identityOf(job).name}, condition: ${finishedCondition(job)?.type}`
    events.event(cronJob, 'Normal', 'SawCompletedJob', message)
  }
  const gone = new Set<ObjectReference>()
  for (const reference of plan.missing) {
    if (await exists(reference, context)) continue
    gone.add(reference)
    events.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`)
  }
  const { lastSuccessfulTime } = plan
  return {
    ...cronJob,
    status: {
      ...cronJob.status,
      active: plan.active.filter((reference) => !gone.has(reference)),
      ...(lastSuccessfulTime !== undefined && { lastSuccessfulTime }),
    },
  }
}

/** Asks the API server: the cache may be behind. */
async function exists(
  { namespace = '', name = '' }: ObjectReference,
  { client }: ReconcileContext,
): Promise<boolean> {
  try {
    await client.get(jobs, { namespace, name })
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
