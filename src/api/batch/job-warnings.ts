import { path, type FieldPath } from '../../machinery/field-error.ts'
import { isNewGeneration } from '../apps/workload.ts'
import { nameWarnings, podTemplateWarnings } from '../core/pod/pod-warnings.ts'
import type { CronJob, Job, JobSpec } from '../generated/batch.v1.ts'

/** Beyond these an indexed job may lose track of which of its indexes are done. */
const manyCompletions = 100_000
const highParallelism = 10_000

/** Source: kubernetes/pkg/api/job/warnings.go. */
export function jobWarnings(job: Job, previous?: Job): string[] {
  if (!isNewGeneration(job, previous)) return []
  return [...(previous ? [] : nameWarnings(job.metadata)), ...jobSpecWarnings(job.spec, path('spec'))]
}

const withoutZone =
  'cannot use TZ or CRON_TZ in spec.schedule, use timeZone instead, see ' +
  'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#unsupported-timezone-specification ' +
  'for more details'

export function cronJobWarnings(cronJob: CronJob, previous?: CronJob): string[] {
  const { metadata, spec } = cronJob
  const field = path('spec', 'jobTemplate', 'spec')
  return [
    ...(previous ? [] : nameWarnings(metadata)),
    ...(isNewGeneration(cronJob, previous) ? jobSpecWarnings(spec?.jobTemplate?.spec, field) : []),
    ...(spec?.schedule.includes('TZ') ? [withoutZone] : []),
  ]
}

function jobSpecWarnings(spec: JobSpec | undefined, at: FieldPath): string[] {
  if (!spec) return []
  const { completionMode, completions = 0, parallelism = 0, template } = spec
  const isHuge =
    completionMode === 'Indexed' && completions > manyCompletions && parallelism > highParallelism
  const message =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, ' +
    'Kubernetes might not be able to track completedIndexes when a big number of indexes fail'
  return [
    ...(isHuge ? [`${String(at)}: ${message}`] : []),
    ...podTemplateWarnings(template, at.child('template')),
  ]
}
