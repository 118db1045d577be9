import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import { cronJobs } from '../../api/generated/resources.ts'
import { formatInZone, timeZone, utc } from '../../machinery/cron/time-zone.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import { identityOf } from '../ownership/identity.ts'
import { jobName } from './plan-run.ts'

const scheduledTimestampAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

/** The job for one time of the schedule. */
export function jobFromTemplate(cronJob: CronJob, scheduledMs: number): Job {
  const { jobTemplate, timeZone: zoneName } = cronJob.spec
  const zone = (zoneName && timeZone(zoneName)) || utc
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, scheduledMs),
      namespace: identityOf(cronJob).namespace,
      ...(jobTemplate.metadata?.labels && { labels: jobTemplate.metadata.labels }),
      annotations: {
        ...jobTemplate.metadata?.annotations,
        [scheduledTimestampAnnotation]: formatInZone(zone, scheduledMs),
      },
      ownerReferences: [ownerReferenceTo(cronJob, cronJobs)],
    },
    ...(jobTemplate.spec && { spec: jobTemplate.spec }),
  }
}
