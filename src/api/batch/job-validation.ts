import { jsonEqual, semanticEqual } from '../../machinery/equal.ts'
import {
  invalid,
  invalidWithoutValue,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { validateDomainPrefixedPath } from '../../machinery/validation/domain-names.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { fieldImmutableMessage } from '../../machinery/validation/object-meta.ts'
import { nonNegative } from '../apps/workload.ts'
import { validatePodTemplate } from '../core/pod/pod-validation.ts'
import type { Job, JobSpec } from '../generated/batch.v1.ts'
import type { Affinity, Container, PodTemplateSpec } from '../generated/core.v1.ts'
import { validateFailurePolicy } from './failure-policy-validation.ts'
import { validateSuccessPolicy } from './success-policy-validation.ts'

const completionModes = ['Indexed', 'NonIndexed']
const replacementPolicies = ['Failed', 'TerminatingOrFailed']
const maxParallelismWithIndexes = 100_000
const maxFailedIndexesAlone = 100_000
const maxFailedIndexesOfMany = 10_000
const maxManagerLength = 63
const uidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid']
const nameLabels = ['batch.kubernetes.io/job-name', 'job-name']

/** Source: kubernetes/pkg/apis/batch/validation. */
export function validateJob(job: Job): FieldError[] {
  const at = path('spec')
  const { spec, metadata } = job
  const errors = [...generatedSelectorErrors(job), ...validateJobSpec(spec, at)]
  if (!spec) return errors
  // The names of an indexed Job's pods end with their index, and are their host names.
  if (spec.completionMode === 'Indexed' && spec.completions) {
    const name = metadata?.name ?? ''
    const host = `${name}-${spec.completions - 1}`
    if (dns1123LabelErrors(host).length > 0) {
      const detail = `will not able to create pod with invalid DNS label: ${host}`
      errors.push(invalid(path('metadata', 'name'), name, detail))
    }
  }
  return [...errors, ...selectorErrors(spec, at)]
}

function selectorErrors({ selector, template }: JobSpec, at: FieldPath): FieldError[] {
  const labels = template?.metadata?.labels ?? {}
  const field = at.child('template', 'metadata', 'labels')
  const mismatch = invalid(field, labels, '`selector` does not match template `labels`')
  // No selector selects nothing.
  if (!selector) return [required(at.child('selector')), mismatch]
  const errors = validateLabelSelector(selector, at.child('selector'))
  if (errors.length > 0) return errors
  return matchesLabels(fromLabelSelector(selector), labels) ? [] : [mismatch]
}

/** A selector that was made is made of the Job's uid, and so are its pods' labels. */
function generatedSelectorErrors({ spec, metadata }: Job): FieldError[] {
  if (!spec?.selector || spec.manualSelector) return []
  if (!metadata?.uid) return [required(path('metadata', 'uid'))]
  const at = path('spec', 'template', 'metadata', 'labels')
  const labels = spec.template?.metadata?.labels ?? {}
  const expected: Record<string, string> = {}
  for (const label of uidLabels) expected[label] = metadata.uid
  for (const label of nameLabels) expected[label] = metadata.name ?? ''
  const errors = Object.entries(expected).flatMap(([label, value]) => {
    const found = labels[label]
    if (found === undefined) return [required(at.key(label), `must be '${value}'`)]
    return found === value ? [] : [invalid(at.key(label), found, `must be '${value}'`)]
  })
  if (validateLabelSelector(spec.selector, path('spec')).length > 0) return errors
  return matchesLabels(fromLabelSelector(spec.selector), expected)
    ? errors
    : [...errors, invalid(path('spec', 'selector'), spec.selector, '`selector` not auto-generated')]
}

/** What a Job and the template of a CronJob have in common. */
function validateJobSpec(spec: JobSpec | undefined, at: FieldPath): FieldError[] {
  if (!spec) return [required(at)]
  return [
    ...nonNegative(spec.parallelism, at.child('parallelism')),
    ...nonNegative(spec.completions, at.child('completions')),
    ...nonNegative(spec.activeDeadlineSeconds, at.child('activeDeadlineSeconds')),
    ...nonNegative(spec.backoffLimit, at.child('backoffLimit')),
    ...nonNegative(spec.ttlSecondsAfterFinished, at.child('ttlSecondsAfterFinished')),
    ...nonNegative(spec.backoffLimitPerIndex, at.child('backoffLimitPerIndex')),
    ...nonNegative(spec.maxFailedIndexes, at.child('maxFailedIndexes')),
    ...managerErrors(spec.managedBy, at.child('managedBy')),
    ...indexErrors(spec, at),
    ...(spec.podFailurePolicy ? validateFailurePolicy(spec, at.child('podFailurePolicy')) : []),
    ...(spec.successPolicy ? validateSuccessPolicy(spec, at.child('successPolicy')) : []),
    ...replacementErrors(spec, at),
    ...validatePodTemplate(spec.template, at.child('template')),
    ...restartErrors(spec, at.child('template', 'spec', 'restartPolicy')),
  ]
}

/** The template of a CronJob: its Jobs have selectors of their own. */
export function validateJobTemplate(spec: JobSpec | undefined, at: FieldPath): FieldError[] {
  const errors = validateJobSpec(spec, at)
  if (spec?.selector)
    errors.push(invalid(at.child('selector'), spec.selector, '`selector` will be auto-generated'))
  if (spec?.manualSelector)
    errors.push(notSupported(at.child('manualSelector'), spec.manualSelector, ['nil', 'false']))
  return errors
}

function managerErrors(manager: string | undefined, at: FieldPath): FieldError[] {
  if (manager === undefined) return []
  const errors = validateDomainPrefixedPath(at, manager)
  if (manager.length > maxManagerLength)
    errors.push(invalid(at, manager, `may not be more than ${maxManagerLength} characters`))
  return errors
}

function indexErrors(spec: JobSpec, at: FieldPath): FieldError[] {
  const { completionMode: mode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec
  const errors: FieldError[] = []
  if (mode !== undefined && !completionModes.includes(mode))
    errors.push(notSupported(at.child('completionMode'), mode, completionModes))
  const maxAt = at.child('maxFailedIndexes')
  if (mode !== 'Indexed') {
    const detail = 'requires indexed completion mode'
    if (backoffLimitPerIndex !== undefined)
      errors.push(invalid(at.child('backoffLimitPerIndex'), backoffLimitPerIndex, detail))
    if (maxFailedIndexes !== undefined) errors.push(invalid(maxAt, maxFailedIndexes, detail))
    return errors
  }
  if (completions === undefined)
    errors.push(required(at.child('completions'), 'when completion mode is Indexed'))
  const parallelismAt = at.child('parallelism')
  if (parallelism > maxParallelismWithIndexes) {
    const detail = `must be less than or equal to ${maxParallelismWithIndexes} when completion mode is Indexed`
    errors.push(invalid(parallelismAt, parallelism, detail))
  }
  if (maxFailedIndexes !== undefined) {
    if (backoffLimitPerIndex === undefined)
      errors.push(required(at.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'))
    if (completions !== undefined && maxFailedIndexes > completions)
      errors.push(invalid(maxAt, maxFailedIndexes, 'must be less than or equal to completions'))
    if (maxFailedIndexes > maxFailedIndexesAlone)
      errors.push(invalid(maxAt, maxFailedIndexes, `must be less than or equal to ${maxFailedIndexesAlone}`))
  }
  const isLarge = completions !== undefined && completions > maxFailedIndexesAlone
  if (backoffLimitPerIndex === undefined || !isLarge) return errors
  const many = `when completions are above ${maxFailedIndexesAlone} and used with backoff limit per index`
  if (maxFailedIndexes === undefined)
    errors.push(required(maxAt, `must be specified when completions is above ${maxFailedIndexesAlone}`))
  if (parallelism > maxFailedIndexesOfMany)
    errors.push(
      invalid(parallelismAt, parallelism, `must be less than or equal to ${maxFailedIndexesOfMany} ${many}`),
    )
  if (maxFailedIndexes !== undefined && maxFailedIndexes > maxFailedIndexesOfMany)
    errors.push(
      invalid(maxAt, maxFailedIndexes, `must be less than or equal to ${maxFailedIndexesOfMany} ${many}`),
    )
  return errors
}

function replacementErrors(
  { podReplacementPolicy: policy, podFailurePolicy }: JobSpec,
  at: FieldPath,
): FieldError[] {
  if (policy === undefined) return []
  const allowed = podFailurePolicy ? ['Failed'] : replacementPolicies
  return allowed.includes(policy) ? [] : [notSupported(at.child('podReplacementPolicy'), policy, allowed)]
}

function restartErrors({ template, podFailurePolicy }: JobSpec, at: FieldPath): FieldError[] {
  const policy = template?.spec?.restartPolicy
  if (!policy || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')]
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])]
  if (podFailurePolicy && policy !== 'Never')
    return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')]
  return []
}

const fixedFields = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const

export function validateJobUpdate(job: Job, previous: Job): FieldError[] {
  const at = path('spec')
  const { spec } = job
  const old = previous.spec
  if (!spec || !old) return [required(at)]
  // One from before a label was added to those of pods has none of it.
  const isOfOld = generatedSelectorErrors(previous).length > 0
  const errors = [
    ...(isOfOld ? [] : generatedSelectorErrors(job)),
    ...validateJobSpec(spec, at),
    ...selectorErrors(spec, at),
  ]
  const immutable = (name: keyof JobSpec) =>
    invalid(at.child(name), spec[name] ?? null, fieldImmutableMessage)
  if (spec.completions !== old.completions && !mayResize(spec, old)) {
    if (
      spec.completionMode === 'Indexed' &&
      spec.completions !== undefined &&
      spec.completions !== spec.parallelism
    ) {
      const detail = 'can only be modified in tandem with '
      errors.push(
        invalid(at.child('completions'), spec.completions, `${detail}${at.child('parallelism').toString()}`),
      )
    } else errors.push(immutable('completions'))
  }
  for (const name of fixedFields) if (!jsonEqual(spec[name], old[name])) errors.push(immutable(name))
  if (!semanticEqual(spec.template, withChoices(spec.template, old.template, previous)))
    errors.push(immutable('template'))
  return errors
}

/** The number of completions of an indexed Job may change together with its parallelism. */
function mayResize(spec: JobSpec, old: JobSpec): boolean {
  return (
    spec.completionMode === 'Indexed' &&
    old.completions !== undefined &&
    spec.completions !== undefined &&
    spec.completions === spec.parallelism
  )
}

/**
 * The old template with what may be chosen as long as the Job is suspended and has no pods: where they go, and what they
 * get. Source: validatePodTemplateUpdate.
 */
function withChoices(
  { metadata, spec: now }: PodTemplateSpec,
  old: PodTemplateSpec,
  { spec, status }: Job,
): PodTemplateSpec {
  const isMarked = status?.conditions?.some(({ type, status }) => type === 'Suspended' && status === 'True')
  const isSuspended = spec?.suspend === true && (!status?.startTime || isMarked) && !status?.active
  if (!isSuspended || !now || !old.spec) return old
  const { initContainers } = old.spec
  return {
    ...old,
    metadata: { ...old.metadata, ...chosen(metadata ?? {}, ['labels', 'annotations']) },
    spec: {
      ...old.spec,
      ...chosen(now, ['nodeSelector', 'tolerations', 'schedulingGates']),
      affinity: chosenAffinity(now.affinity, old.spec.affinity),
      containers: withResources(old.spec.containers, now.containers),
      ...(initContainers && { initContainers: withResources(initContainers, now.initContainers ?? []) }),
    },
  }
}

/** What is left out counts as empty. */
function chosen<T extends object>(now: T, names: readonly (keyof T)[]): Partial<T> {
  return Object.fromEntries(names.map((name) => [name, now[name] ?? {}])) as Partial<T>
}

/** Of affinities only that to nodes. */
function chosenAffinity(now: Affinity | undefined, old: Affinity | undefined): Affinity {
  const { nodeAffinity: _old, ...others } = old ?? {}
  return { ...others, ...(now?.nodeAffinity && { nodeAffinity: now.nodeAffinity }) }
}

function withResources(containers: readonly Container[], now: readonly Container[]): Container[] {
  return containers.map(({ resources: _old, ...container }, index) => {
    const resources = now[index]?.resources
    return { ...container, ...(resources && { resources }) }
  })
}

const finalConditions = ['Complete', 'Failed']

export function validateJobStatus({ status }: Job, previous: Job): FieldError[] {
  const at = path('status')
  const {
    active,
    succeeded,
    failed,
    ready,
    terminating,
    completionTime,
    startTime,
    conditions = [],
  } = status ?? {}
  const errors = [
    ...nonNegative(active, at.child('active')),
    ...nonNegative(succeeded, at.child('succeeded')),
    ...nonNegative(failed, at.child('failed')),
    ...nonNegative(ready, at.child('ready')),
    ...nonNegative(terminating, at.child('terminating')),
  ]
  const holds = (type: string) =>
    conditions.some((condition) => condition.type === type && condition.status === 'True')
  if (ready !== undefined && ready > (active ?? 0))
    errors.push(invalid(at.child('ready'), ready, 'cannot set more ready pods than active'))
  if (finalConditions.every(holds))
    errors.push(
      invalidWithoutValue(at.child('conditions'), 'cannot set Complete=True and Failed=true conditions'),
    )
  if (completionTime && !holds('Complete'))
    errors.push(
      invalid(
        at.child('completionTime'),
        completionTime,
        'cannot set completionTime when there is no Complete=True condition',
      ),
    )
  if (holds('Complete') && !completionTime)
    errors.push(required(at.child('completionTime'), 'completionTime is required for Complete jobs'))
  if (completionTime && startTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.push(
      invalid(at.child('completionTime'), completionTime, 'completionTime cannot be set before startTime'),
    )
  for (const type of finalConditions) {
    const was = previous.status?.conditions?.some(
      (condition) => condition.type === type && condition.status === 'True',
    )
    if (was && !holds(type))
      errors.push(
        invalidWithoutValue(at.child('conditions'), `cannot disable the terminal ${type}=True condition`),
      )
  }
  return errors
}
