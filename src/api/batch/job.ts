import { humanDuration } from '../../machinery/duration.ts'
import type { Writable } from '../../machinery/meta.ts'
import { defaultTemplate, selectorText, templateColumns } from '../apps/workload.ts'
import { droppingDisabledFields } from '../core/pod/disabled-fields.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Job, JobSpec } from '../generated/batch.v1.ts'
import { jobs } from '../generated/resources.ts'
import { validateJobStatus } from './job-status-validation.ts'
import { validateJob, validateJobUpdate } from './job-validation.ts'
import { jobWarnings } from './job-warnings.ts'

/** Labels that tie a Job's pods to it; the old names are kept beside the new ones, as upstream does. */
const uidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid']
const nameLabels = ['batch.kubernetes.io/job-name', 'job-name']

export const jobDefinition: ResourceDefinition<Job> = {
  resource: jobs,
  singular: 'job',
  categories: ['all'],
  strategy: {
    defaults(job) {
      if (job.spec) defaultJobSpec(job.spec)
      defaultLabels(job)
    },
    ...droppingDisabledFields,
    prepareForCreate(job) {
      droppingDisabledFields.prepareForCreate(job)
      generateSelector(job)
    },
    validate: validateJob,
    warnings: jobWarnings,
    validatesUpdateAlone: true,
    validateUpdate: validateJobUpdate,
    defaultPropagation: 'Orphan',
    status: { validateUpdate: validateJobStatus },
  },
  columns: [
    nameColumn,
    column('Status', 'Whether it is running, complete or failed.', statusText),
    column('Completions', 'Pods that succeeded, of those wanted.', completionsText),
    column('Duration', 'How long it took, or takes.', durationText),
    ageColumn,
    ...templateColumns<Job>({ selector: false }),
    wide(column('Selector', 'Selects the pods of the Job.', ({ spec }) => selectorText(spec?.selector))),
  ],
  selectableFields: ({ status }) => ({ 'status.successful': `${status?.succeeded ?? 0}` }),
}

export function defaultJobSpec(spec: Writable<JobSpec>): void {
  defaultTemplate(spec.template)
  // A fixed number of pods unless either number is given.
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.manualSelector ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
  }
}

function generateSelector(job: Writable<Job>): void {
  job.status = {}
  labelTemplate(job)
  defaultLabels(job)
}

/** Those of its pods, for a Job without any. */
function defaultLabels({ spec, metadata }: Writable<Job>): void {
  const labels = spec?.template?.metadata?.labels
  if (labels && metadata && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
}

/** What is said already stays; validation refuses what does not fit. */
function labelTemplate(job: Writable<Job>): void {
  const { spec, metadata } = job
  if (!spec || spec.manualSelector || !metadata?.uid) return
  const { uid, name = '' } = metadata
  spec.template.metadata ??= {}
  const labels: Record<string, string> = { ...spec.template.metadata.labels }
  for (const label of nameLabels) labels[label] ??= name
  for (const label of uidLabels) labels[label] ??= uid
  spec.template.metadata.labels = labels
  spec.selector = {
    ...spec.selector,
    matchLabels: { [uidLabels[0]!]: uid, ...spec.selector?.matchLabels },
  }
}

function statusText({ status, metadata }: Job): string {
  const has = (type: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True')
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata?.deletionTimestamp) return 'Terminating'
  if (has('Suspended')) return 'Suspended'
  if (has('FailureTarget')) return 'FailureTarget'
  if (has('SuccessCriteriaMet')) return 'SuccessCriteriaMet'
  return 'Running'
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationText({ status }: Job, now: number): string {
  if (!status?.startTime) return ''
  const end = status.completionTime ? Date.parse(status.completionTime) : now
  return humanDuration(end - Date.parse(status.startTime))
}
