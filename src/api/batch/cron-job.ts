import {
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { CronError } from '../../machinery/cron/cron-fields.ts'
import { parseCronSchedule } from '../../machinery/cron/cron-schedule.ts'
import { nonNegative } from '../apps/workload.ts'
import { ageColumn, column, integerColumn, nameColumn, timeSince, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { CronJob } from '../generated/batch.v1.ts'
import { cronJobs } from '../generated/resources.ts'
import { validateJobTemplate } from './job-validation.ts'
import { defaultJobSpec } from './job.ts'
import { cronJobWarnings } from './job-warnings.ts'

export const cronJobDefinition: ResourceDefinition<CronJob> = {
  resource: cronJobs,
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  strategy: {
    defaults({ spec }) {
      if (!spec) return
      spec.concurrencyPolicy ||= 'Allow'
      spec.suspend ??= false
      spec.successfulJobsHistoryLimit ??= 3
      spec.failedJobsHistoryLimit ??= 1
      if (spec.jobTemplate?.spec) defaultJobSpec(spec.jobTemplate.spec)
    },
    warnings: cronJobWarnings,
    validate: (cronJob) => [...nameErrors(cronJob), ...validateCronJob(cronJob)],
    status: {},
  },
  columns: [
    nameColumn,
    column('Schedule', 'When it runs, in cron form.', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', 'The time zone of the schedule.', ({ spec }) => spec?.timeZone ?? '<none>'),
    column('Suspend', 'Whether it is held back.', ({ spec }) => (spec?.suspend ? 'True' : 'False')),
    integerColumn('Active', 'Number of jobs that run.', ({ status }) => status?.active?.length ?? 0),
    column('Last Schedule', 'Time since it last ran.', ({ status }, now) =>
      status?.lastScheduleTime ? timeSince(status.lastScheduleTime, now) : '<none>',
    ),
    ageColumn,
    wide(
      column('Containers', 'Names of the containers.', (cronJob) =>
        containersOf(cronJob)
          .map(({ name }) => name)
          .join(','),
      ),
    ),
    wide(
      column('Images', 'Images of the containers.', (cronJob) =>
        containersOf(cronJob)
          .map(({ image }) => image ?? '')
          .join(','),
      ),
    ),
    wide(column('Selector', 'Selects the pods of its jobs.', () => '<none>')),
  ],
}

function containersOf({ spec }: CronJob) {
  return spec?.jobTemplate.spec?.template.spec?.containers ?? []
}

const policies = ['Allow', 'Forbid', 'Replace']

const maxNameLength = 52

/** The names of its jobs are longer, and become labels of pods. */
function nameErrors({ metadata }: CronJob): FieldError[] {
  const { name = '' } = metadata ?? {}
  const detail = `must be no more than ${maxNameLength} characters`
  return name.length > maxNameLength ? [invalid(path('metadata', 'name'), name, detail)] : []
}

function validateCronJob({ spec }: CronJob): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const { schedule, timeZone, concurrencyPolicy, jobTemplate } = spec
  const errors: FieldError[] = []
  if (!schedule) errors.push(required(field.child('schedule')))
  else errors.push(...scheduleErrors(schedule, field.child('schedule')))
  if (timeZone !== undefined && !isTimeZone(timeZone))
    errors.push(invalid(field.child('timeZone'), timeZone, `unknown time zone ${timeZone}`))
  if (!concurrencyPolicy) errors.push(required(field.child('concurrencyPolicy')))
  else if (!policies.includes(concurrencyPolicy))
    errors.push(notSupported(field.child('concurrencyPolicy'), concurrencyPolicy, policies))
  return [
    ...errors,
    ...nonNegative(spec.startingDeadlineSeconds, field.child('startingDeadlineSeconds')),
    ...nonNegative(spec.successfulJobsHistoryLimit, field.child('successfulJobsHistoryLimit')),
    ...nonNegative(spec.failedJobsHistoryLimit, field.child('failedJobsHistoryLimit')),
    ...validateJobTemplate(jobTemplate?.spec, field.child('jobTemplate').child('spec')),
  ]
}

function scheduleErrors(schedule: string, field: FieldPath): FieldError[] {
  try {
    parseCronSchedule(schedule)
    return []
  } catch (error) {
    if (error instanceof CronError) return [invalid(field, schedule, error.message)]
    throw error
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
