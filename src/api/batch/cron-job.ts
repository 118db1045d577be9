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
import { timeZone as findTimeZone } from '../../machinery/cron/time-zone.ts'
import { nonNegative } from '../apps/workload.ts'
import { dropDisabledPodFields } from '../core/pod/disabled-fields.ts'
import { ageColumn, column, integerColumn, nameColumn, timeSince, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { CronJob, CronJobSpec } from '../generated/batch.v1.ts'
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
    prepareForCreate: ({ spec }) => dropDisabledPodFields(spec?.jobTemplate?.spec?.template?.spec),
    prepareForUpdate: ({ spec }, previous) =>
      dropDisabledPodFields(
        spec?.jobTemplate?.spec?.template?.spec,
        previous.spec?.jobTemplate?.spec?.template?.spec,
      ),
    warnings: cronJobWarnings,
    validate: (cronJob) => [...validateCronJob(cronJob), ...nameErrors(cronJob)],
    validatesUpdateAlone: true,
    validateUpdate: validateCronJob,
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

/** Source: validateCronJobSpec. What was accepted once of zones stays. */
function validateCronJob({ spec }: CronJob, previous?: CronJob): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const { schedule, timeZone, concurrencyPolicy, jobTemplate } = spec
  const old = previous?.spec
  const concurrencyAt = field.child('concurrencyPolicy')
  const errors: FieldError[] = []
  if (!schedule) errors.push(required(field.child('schedule')))
  else errors.push(...scheduleErrors(spec, old, field.child('schedule')))
  errors.push(...nonNegative(spec.startingDeadlineSeconds, field.child('startingDeadlineSeconds')))
  if (timeZone !== undefined && timeZone !== old?.timeZone)
    errors.push(...timeZoneErrors(timeZone, field.child('timeZone')))
  if (!concurrencyPolicy) errors.push(required(concurrencyAt))
  else if (!policies.includes(concurrencyPolicy))
    errors.push(notSupported(concurrencyAt, concurrencyPolicy, policies))
  return [
    ...errors,
    ...validateJobTemplate(jobTemplate?.spec, field.child('jobTemplate').child('spec')),
    ...nonNegative(spec.successfulJobsHistoryLimit, field.child('successfulJobsHistoryLimit')),
    ...nonNegative(spec.failedJobsHistoryLimit, field.child('failedJobsHistoryLimit')),
  ]
}

function scheduleErrors(
  { schedule, timeZone }: CronJobSpec,
  old: CronJobSpec | undefined,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  try {
    parseCronSchedule(schedule)
  } catch (error) {
    if (!(error instanceof CronError)) throw error
    errors.push(invalid(field, schedule, error.message))
  }
  if (!schedule.includes('TZ')) return errors
  if (!old?.schedule.includes('TZ'))
    errors.push(invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'))
  else if (timeZone !== undefined)
    errors.push(invalid(field, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'))
  return errors
}

/** What a part of a zone's name is made of; dots alone and a dash in front are neither. */
const zonePart = /^(?!-|\.{1,2}$)[A-Za-z._0-9+-]{1,14}$/

function timeZoneErrors(name: string, at: FieldPath): FieldError[] {
  if (name === '') return [invalid(at, name, 'timeZone must be nil or non-empty string')]
  const unknown = invalid(at, name, `unknown time zone ${name}`)
  if (!name.split('/').every((part) => zonePart.test(part))) return [unknown]
  if (name.toLowerCase() === 'local') {
    const list = 'https://www.iana.org/time-zones'
    const explicit = invalid(at, name, `timeZone must be an explicit time zone as defined in ${list}`)
    return name === 'Local' ? [explicit] : [explicit, unknown]
  }
  return findTimeZone(name) ? [] : [unknown]
}
