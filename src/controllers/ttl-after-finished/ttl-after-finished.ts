import type { Job } from '../../api/generated/batch.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { exponentialBuckets } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { parseTime } from '../../machinery/time.ts'
import { finishedCondition } from '../job/job-conditions.ts'
import { identityOf } from '../ownership/identity.ts'

/** Deletes jobs some time after they have ended, where they say so. */
export const ttlAfterFinishedReconciler: Reconciler = {
  name: 'ttl-after-finished',
  queueName: 'ttl_jobs_to_delete',
  watches: [on(jobs, (job) => (expiryMs(job) === undefined ? [] : [keyOf(job)]))],

  async reconcile(key, { client, cache, clock, metrics }) {
    const job = cache(jobs).get(key)
    const dueMs = job && expiryMs(job)
    if (dueMs === undefined) return done
    if (dueMs > clock.now()) return again(dueMs - clock.now())
    const target = identityOf(job!)
    try {
      // The time may have been prolonged since the cache saw the job.
      const latest = await client.get(jobs, target)
      const latestMs = expiryMs(latest)
      if (latestMs === undefined || latestMs > clock.now() || latest.metadata?.uid !== target.uid) return done
      const preconditions = { uid: target.uid, resourceVersion: latest.metadata.resourceVersion ?? '' }
      await client.delete(jobs, target, { propagationPolicy: 'Foreground', preconditions })
      metrics
        .histogram({
          name: 'ttl_after_finished_controller_job_deletion_duration_seconds',
          help: 'The time it took to delete the job since it became eligible for deletion',
          buckets: exponentialBuckets(0.1, 2, 14),
        })
        .with({})
        .observe((clock.now() - latestMs) / 1000)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    return done
  },
}

/** When the job may be deleted, milliseconds since the epoch; undefined when it may stay. */
function expiryMs(job: Job): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished
  const endedMs = parseTime(finishedCondition(job)?.lastTransitionTime)
  if (seconds === undefined || endedMs === undefined || isDeleting(job)) return undefined
  return endedMs + seconds * 1000
}
