import { humanDuration } from '../../machinery/duration.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import {
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { defaultTemplate, nonNegative, selectorText, templateColumns } from '../apps/workload.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import { validatePodTemplate } from '../core/pod/pod-validation.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Job, JobSpec } from '../generated/batch.v1.ts'
import { jobs } from '../generated/resources.ts'

/** Labels that tie a Job's pods to it; the old names are kept beside the new ones, as upstream does. */
const uidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid']
const nameLabels = ['batch.kubernetes.io/job-name', 'job-name']

export const jobDefinition: ResourceDefinition<Job> = {
  resource: jobs,
  singular: 'job',
  categories: ['all'],
  strategy: {
    defaults({ spec, metadata }) {
      if (spec) defaultJobSpec(spec)
      const labels = spec?.template?.metadata?.labels
      if (labels && metadata && Object.keys(metadata.labels ?? {}).length === 0)
        metadata.labels = { ...labels }
    },
    prepareForCreate: generateSelector,
    validate: ({ spec }) => validateJobSpec(spec, path('spec')),
    validateUpdate: validateJobUpdate,
    defaultPropagation: 'Orphan',
    status: {},
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
    for (const pattern of rule.onPodConditions ?? []) pattern.status ??= 'True'
  }
}

function generateSelector(job: Writable<Job>): void {
  job.status = {}
  const { spec, metadata } = job
  if (!spec || spec.manualSelector || !metadata?.uid) return
  spec.template.metadata ??= {}
  const labels = { ...spec.template.metadata.labels }
  for (const label of uidLabels) labels[label] = metadata.uid
  for (const label of nameLabels) labels[label] = metadata.name ?? ''
  spec.template.metadata.labels = labels
  spec.selector = {
    ...spec.selector,
    matchLabels: { ...spec.selector?.matchLabels, [uidLabels[0]!]: metadata.uid },
  }
}

const completionModes = ['Indexed', 'NonIndexed']

export function validateJobSpec(spec: JobSpec | undefined, field: FieldPath): FieldError[] {
  if (!spec) return [required(field)]
  const errors = [
    ...nonNegative(spec.parallelism, field.child('parallelism')),
    ...nonNegative(spec.completions, field.child('completions')),
    ...nonNegative(spec.activeDeadlineSeconds, field.child('activeDeadlineSeconds')),
    ...nonNegative(spec.backoffLimit, field.child('backoffLimit')),
    ...nonNegative(spec.ttlSecondsAfterFinished, field.child('ttlSecondsAfterFinished')),
    ...nonNegative(spec.backoffLimitPerIndex, field.child('backoffLimitPerIndex')),
    ...nonNegative(spec.maxFailedIndexes, field.child('maxFailedIndexes')),
    ...validatePodTemplate(spec.template, field.child('template')),
  ]
  const { completionMode, completions, template, backoffLimitPerIndex, podFailurePolicy } = spec
  if (completionMode && !completionModes.includes(completionMode))
    errors.push(notSupported(field.child('completionMode'), completionMode, completionModes))
  if (completionMode === 'Indexed' && completions === undefined) {
    errors.push(required(field.child('completions'), 'when completion mode is Indexed'))
  }
  if (completionMode !== 'Indexed' && backoffLimitPerIndex !== undefined) {
    errors.push(
      invalid(field.child('backoffLimitPerIndex'), backoffLimitPerIndex, 'requires indexed completion mode'),
    )
  }
  const restartPolicy = template?.spec?.restartPolicy
  const at = field.child('template').child('spec').child('restartPolicy')
  if (restartPolicy === 'Always') {
    errors.push(required(at, 'valid values: "OnFailure", "Never"'))
  }
  if (podFailurePolicy && restartPolicy !== 'Never') {
    errors.push(invalid(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified'))
  }
  return errors
}

function validateJobUpdate({ spec }: Job, previous: Job): FieldError[] {
  const field = path('spec')
  const old = previous.spec
  if (!spec || !old) return []
  const errors: FieldError[] = []
  const isSuspended = old.suspend === true && previous.status?.startTime === undefined
  const fixed = [
    'completions',
    'selector',
    'template',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const
  for (const name of fixed) {
    if (jsonEqual(spec[name], old[name])) continue
    const scalesIndexed =
      name === 'completions' && spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
    const schedulesOnly = name === 'template' && isSuspended
    if (!scalesIndexed && !schedulesOnly)
      errors.push(invalid(field.child(name), spec[name] ?? null, 'field is immutable'))
  }
  return errors
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
