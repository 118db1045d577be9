import type { Job, JobCondition, JobStatus } from '../../api/generated/batch.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { identityOf } from '../ownership/identity.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { accountPods, endedStatus, settleUncounted } from './account-pods.ts'
import {
  countFinishedIndexes,
  countFinishedJob,
  countFinishedPods,
  countHandledFailure,
} from './job-metrics.ts'
import { isTracked } from './job-pod.ts'
import { matchFailurePolicy } from './pod-failure-policy.ts'
import type { PodCounts } from './manage-pods.ts'
import type { JobObservation } from './observe-job.ts'
import { releasePod } from './release-pod.ts'

/** What one run has done to pods, and what it thinks of the job. */
export interface JobStep {
  /** With conditions and times of its status brought up to date. */
  readonly job: Job
  readonly counts: PodCounts
  /** Why the job ends, if it does. */
  readonly verdict: JobCondition | undefined
}

/**
 * Writes what was observed, lets go the pods that are counted, and ends the job when that was the last of it. `found` is
 * the job as it is stored. `onCounted` is called once the pods that have ended are noted in the status.
 */
export async function trackJob(
  found: Job,
  { job, counts, verdict }: JobStep,
  observed: JobObservation,
  context: ReconcileContext,
  onCounted: () => void,
): Promise<void> {
  const { active, ready, terminating } = counts
  const counted = { ...job, status: { ...job.status, active, ready, terminating } }
  const accounting = accountPods(counted, observed, verdict, context.clock.now())
  const noted = await writeStatus(found, accounting.status, context)
  onCounted()

  const results = await Promise.allSettled(accounting.release.map((pod) => releasePod(pod, context)))
  const released = new Set(accounting.release.filter((_, at) => results[at]!.status === 'fulfilled'))
  const failed = results.find((result) => result.status === 'rejected')
  const tracked = observed.pods.filter((pod) => isTracked(pod) && !released.has(pod))
  const settled = settleUncounted(
    accounting.status,
    tracked.map((pod) => identityOf(pod).uid),
  )
  const ended = failed ? undefined : endedStatus(settled, accounting, terminating)
  const written = await writeStatus(noted, ended ?? settled, context)
  countFinishedPods(context.metrics, written, found)
  countFinishedIndexes(context.metrics, written, found)
  for (const pod of released) {
    const { action } =
      pod.status?.phase === 'Failed' ? matchFailurePolicy(job.spec?.podFailurePolicy, pod) : {}
    if (action) countHandledFailure(context.metrics, action)
  }
  if (failed) throw failed.reason as Error
  if (!ended || !accounting.final) return
  countFinishedJob(context.metrics, written, accounting.final)
  announceEnd(written, accounting.final, context)
}

async function writeStatus(job: Job, status: JobStatus, { client }: ReconcileContext): Promise<Job> {
  if (sameOnceWritten(job.status, status)) return job
  return client.update(jobs, { ...job, status }, { subresource: 'status' })
}

function announceEnd(job: Job, { type, reason = '', message = '' }: JobCondition, context: ReconcileContext) {
  const { events } = context
  if (type !== 'Complete') return events.event(job, 'Warning', reason, message)
  if ((job.status?.succeeded ?? 0) > (job.spec?.completions ?? Infinity)) {
    const surplus = 'Too many succeeded pods running after completion count reached'
    events.event(job, 'Warning', 'TooManySucceededPods', surplus)
  }
  events.event(job, 'Normal', 'Completed', 'Job completed')
}
