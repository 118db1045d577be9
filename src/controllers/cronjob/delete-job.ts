import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { identityOf } from '../ownership/identity.ts'
import { messageOf } from '../pods/pod-control.ts'

/** Deletes a job with its pods and tells so. Whether that went well: a job too many is no reason to start none. */
export async function deleteJob(
  cronJob: CronJob,
  job: Job,
  { client, events, log }: ReconcileContext,
): Promise<boolean> {
  const { uid, ...name } = identityOf(job)
  try {
    await client.delete(jobs, name, { propagationPolicy: 'Background', preconditions: { uid } })
  } catch (error) {
    log.warn('Deleting a job of a cron job failed', { job: name, error })
    events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`)
    return false
  }
  events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name.name}`)
  return true
}
