import { jsonEqual, semanticEqual } from '../../machinery/equal.ts'
import {
  invalid,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { validateDomainPrefixedPath } from '../../machinery/validation/domain-names.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { fieldImmutableMessage } from '../../machinery/validation/object-meta.ts'
import { nonNegative } from '../apps/workload.ts'
import { validatePodTemplate } from '../core/pod/pod-validation.ts'
import { internalForm, internalMap } from '../internal-form.ts'
import type { Job, JobSpec } from '../generated/batch.v1.ts'
import type { Affinity, Container, PodTemplateSpec } from '../generated/core.v1.ts'
import { validateFailurePolicy } from './failure-policy-validation.ts'
import { validateSuccessPolicy } from './success-policy-validation.ts'

const completionModes = ['NonIndexed', 'Indexed']
const replacementPolicies = ['Failed', 'TerminatingOrFailed']
const maxParallelismWithIndexes = 100_000
const maxFailedIndexesAlone = 100_000
const maxFailedIndexesOfMany = 10_000
const maxManagerLength = 63
const uidLabel = 'batch.kubernetes.io/controller-uid'
const nameLabel = 'batch.kubernetes.io/job-name'

/** Source: kubernetes/pkg/apis/batch/validation. */
export function validateJob(job: Job, labels: 'all' | 'legacy' = 'all'): FieldError[] {
  const at = path('spec')
  const { spec, metadata } = job
  const errors = [...generatedSelectorErrors(job, labels), ...validateJobSpec(spec, at)]
  if (!spec) return errors
  errors.push(...selectorErrors(spec, at))
  // The names of an indexed Job's pods end with their index, and are their host names.
  if (spec.completionMode === 'Indexed' && spec.completions !== undefined && spec.completions > 0) {
    const name = metadata?.name ?? ''
    const host = `${name}-${spec.completions - 1}`
    if (dns1123LabelErrors(host).length > 0) {
      const detail = `will not able to create pod with invalid DNS label: ${host}`
      errors.push(invalid(path('metadata', 'name'), name, detail))
    }
  }
  return errors
}

function selectorErrors({ selector, template }: JobSpec, at: FieldPath): FieldError[] {
  const labels = template?.metadata?.labels ?? {}
  const field = at.child('template', 'metadata', 'labels')
  const mismatch = invalid(
    field,
    internalMap(template?.metadata?.labels),
    '`selector` does not match template `labels`',
  )
  // No selector selects nothing.
  if (!selector) return [required(at.child('selector')), mismatch]
  const errors = validateLabelSelector(selector, at.child('selector'))
  if (errors.length > 0) return errors
  return matchesLabels(fromLabelSelector(selector), labels) ? [] : [mismatch]
}

/** A selector that was made is made of the Job's uid, and so are its pods' labels; `legacy`: those of old suffice. */
function generatedSelectorErrors({ spec, metadata }: Job, labels: 'all' | 'legacy'): FieldError[] {
  if (!spec?.selector || spec.manualSelector) return []
  const { name = '', uid = '' } = metadata ?? {}
  const errors = uid ? [] : [required(path('metadata', 'uid'))]
  const at = path('spec', 'template', 'metadata', 'labels')
  const templateLabels = Object.fromEntries(
    Object.entries(spec.template?.metadata?.labels ?? {}).sort(([a], [b]) => compareGoStrings(a, b)),
  )
  const expected: Readonly<Record<string, string>> = {
    'controller-uid': uid,
    'job-name': name,
    ...(labels === 'all' && { [uidLabel]: uid, [nameLabel]: name }),
  }
  for (const [label, value] of Object.entries(expected)) {
    const found = templateLabels[label]
    if (found === undefined) errors.push(required(at.key(label), `must be '${value}'`))
    else if (found !== value)
      errors.push(invalid(at.key(label), internalMap(templateLabels), `must be '${value}'`))
  }
  if (validateLabelSelector(spec.selector, path('spec')).length > 0) return errors
  return matchesLabels(fromLabelSelector(spec.selector), expected)
    ? errors
    : [
        ...errors,
        invalid(path('spec', 'selector'), shown('selector', spec.selector), '`selector` not auto-generated'),
      ]
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
    errors.push(
      invalid(at.child('selector'), shown('selector', spec.selector), '`selector` will be auto-generated'),
    )
  if (spec?.manualSelector)
    errors.push(notSupported(at.child('manualSelector'), spec.manualSelector, ['nil', 'false']))
  return errors
}

function managerErrors(manager: string | undefined, at: FieldPath): FieldError[] {
  if (manager === undefined) return []
  const errors = validateDomainPrefixedPath(at, manager)
  if (manager.length > maxManagerLength) errors.push(tooLong(at, manager, maxManagerLength))
  return errors
}

function indexErrors(spec: JobSpec, at: FieldPath): FieldError[] {
  const { completionMode: mode, backoffLimitPerIndex, maxFailedIndexes } = spec
  const errors: FieldError[] = []
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(at.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'))
  if (mode !== undefined && !completionModes.includes(mode))
    errors.push(notSupported(at.child('completionMode'), mode, completionModes))
  if (mode === 'Indexed') return [...errors, ...indexedErrors(spec, at)]
  if (mode !== undefined && mode !== 'NonIndexed') return errors
  for (const [name, value] of Object.entries({ backoffLimitPerIndex, maxFailedIndexes }))
    if (value !== undefined) errors.push(invalid(at.child(name), value, 'requires indexed completion mode'))
  return errors
}

function indexedErrors(spec: JobSpec, at: FieldPath): FieldError[] {
  const { completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec
  const [parallelismAt, maxAt] = [at.child('parallelism'), at.child('maxFailedIndexes')]
  const errors: FieldError[] = []
  if (completions === undefined)
    errors.push(required(at.child('completions'), 'when completion mode is Indexed'))
  if (parallelism > maxParallelismWithIndexes) {
    const detail = `must be less than or equal to ${maxParallelismWithIndexes} when completion mode is Indexed`
    errors.push(invalid(parallelismAt, parallelism, detail))
  }
  if (maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions)
    errors.push(invalid(maxAt, maxFailedIndexes, 'must be less than or equal to completions'))
  if (maxFailedIndexes !== undefined && maxFailedIndexes > maxFailedIndexesAlone)
    errors.push(invalid(maxAt, maxFailedIndexes, `must be less than or equal to ${maxFailedIndexesAlone}`))
  const isLarge = completions !== undefined && completions > maxFailedIndexesAlone
  if (backoffLimitPerIndex === undefined || !isLarge) return errors
  const many = `when completions are above ${maxFailedIndexesAlone} and used with backoff limit per index`
  const detail = `must be less than or equal to ${maxFailedIndexesOfMany} ${many}`
  if (maxFailedIndexes === undefined)
    errors.push(required(maxAt, `must be specified when completions is above ${maxFailedIndexesAlone}`))
  if (parallelism > maxFailedIndexesOfMany) errors.push(invalid(parallelismAt, parallelism, detail))
  if (maxFailedIndexes !== undefined && maxFailedIndexes > maxFailedIndexesOfMany)
    errors.push(invalid(maxAt, maxFailedIndexes, detail))
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
  // One from before the labels with a prefix were added has none of them.
  const oldLabels = old.template?.metadata?.labels ?? {}
  const isOfOld = oldLabels[uidLabel] === undefined || oldLabels[nameLabel] === undefined
  const errors = validateJob(job, isOfOld ? 'legacy' : 'all')
  const immutable = (name: keyof JobSpec) =>
    invalid(at.child(name), shown(name, spec[name]), fieldImmutableMessage)
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

const internalTypes: Readonly<Record<string, string>> = {
  selector: 'meta.v1.LabelSelector',
  template: 'core.v1.PodTemplateSpec',
  podFailurePolicy: 'batch.v1.PodFailurePolicy',
  successPolicy: 'batch.v1.SuccessPolicy',
}

function shown(name: string, value: unknown): unknown {
  const type = internalTypes[name]
  return type !== undefined && value ? internalForm(type, value) : (value ?? null)
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
