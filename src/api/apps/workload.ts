import {
  fromLabelSelector,
  formatLabelSelector,
  isLabelSelector,
  matchesLabels,
} from '../../machinery/label-selector.ts'
import type { LabelSelector, Writable } from '../../machinery/meta.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { SelectorError } from '../../machinery/selector-error.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import type { PodTemplateSpec } from '../generated/core.v1.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { defaultPodSpec } from '../core/pod/pod-spec-defaults.ts'
import { nameWarnings, podTemplateWarnings } from '../core/pod/pod-warnings.ts'
import { validatePodTemplate } from '../core/pod/pod-validation.ts'
import type { Column, Strategy } from '../definition.ts'
import { column, wide } from '../columns.ts'
import { validateImmutableStruct } from '../immutable-struct.ts'
import { internalForm, internalMap } from '../internal-form.ts'

/** What kinds that keep pods from a template have in common. */
export function defaultTemplate(template: Writable<PodTemplateSpec> | undefined): void {
  if (template?.spec) defaultPodSpec(template.spec)
}

/** Upstream knows no workload of its own group without a spec, a template and its spec: what is not said is empty. */
export function defaultWorkloadSpec<S extends { readonly template?: PodTemplateSpec }>(
  workload: Writable<{ readonly spec?: S }>,
): Writable<S> {
  const spec = (workload.spec ??= {} as Writable<S>)
  const template = ((spec as { template?: Writable<PodTemplateSpec> }).template ??= {})
  defaultPodSpec((template.spec ??= { containers: [] }))
  return spec
}

interface Workload extends KubernetesObject {
  readonly spec?: { readonly template?: PodTemplateSpec }
}

/** Of the template, whenever what is wanted changes, and of the name where pods get theirs from it. */
export function workloadWarnings(
  workload: Workload,
  previous: Workload | undefined,
  { isNameUsed = true }: { readonly isNameUsed?: boolean } = {},
): string[] {
  const { metadata, spec } = workload
  if (!isNewGeneration(workload, previous)) return []
  return [
    ...(isNameUsed && !previous ? nameWarnings(metadata) : []),
    ...podTemplateWarnings(spec?.template, path('spec', 'template')),
  ]
}

/** Whether an object is new or asks for something else than before. */
export function isNewGeneration(
  { metadata }: KubernetesObject,
  previous: KubernetesObject | undefined,
): boolean {
  return !previous || metadata?.generation !== previous.metadata?.generation
}

interface Selection {
  readonly selector: LabelSelector | undefined
  readonly template?: PodTemplateSpec | undefined
}

/**
 * A selector must be there, say something, and match the template's own labels. `templateErrors`: what else is wrong
 * with the template, which nobody is told where the selector cannot be read.
 */
export function validateSelection(
  { selector, template }: Selection,
  field: FieldPath,
  kind: 'deployment' | 'statefulset',
  templateErrors: () => readonly FieldError[],
): FieldError[] {
  const at = field.child('selector')
  // No selector selects nothing, the template's labels neither.
  if (!selector) return [required(at), ...mismatch({ selector, template }, field), ...templateErrors()]
  const errors = validateLabelSelector(selector, at)
  const shown = internalForm('meta.v1.LabelSelector', selector)
  if (isEmpty(selector)) errors.push(invalid(at, shown, `empty selector is invalid for ${kind}`))
  if (!isLabelSelector(selector)) {
    return [...errors, invalid(at, shown, kind === 'statefulset' ? '' : 'invalid label selector')]
  }
  return [...errors, ...mismatch({ selector, template }, field), ...templateErrors()]
}

/** Unless the template's labels are what the selector, which can be read, looks for. */
export function mismatch({ selector, template }: Selection, field: FieldPath): FieldError[] {
  const labels = template?.metadata?.labels
  if (selector && (isEmpty(selector) || matchesLabels(fromLabelSelector(selector), labels ?? {}))) return []
  const at = field.child('template', 'metadata', 'labels')
  return [invalid(at, internalMap(labels), '`selector` does not match template `labels`')]
}

/** What a workload keeps is not to change. */
export function validateSelectorUpdate(next: Selective, previous: Selective): FieldError[] {
  const [selector, before] = [next.spec?.selector, previous.spec?.selector]
  return validateImmutableStruct('meta.v1.LabelSelector', selector, before, path('spec', 'selector'))
}

interface Selective {
  readonly spec?: { readonly selector?: LabelSelector }
}

export function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

/** The template, which here must let its pods run for ever. */
export function validateRunningTemplate(
  template: PodTemplateSpec | undefined,
  field: FieldPath,
  kind = 'ReplicaSet',
): FieldError[] {
  return [...validatePodTemplate(template, field), ...onlyRunning(template, field, kind)]
}

/** Pods of `kind` must not end on their own. */
export function onlyRunning(
  template: PodTemplateSpec | undefined,
  field: FieldPath,
  kind: string,
): FieldError[] {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {}
  const spec = field.child('spec')
  const errors: FieldError[] = []
  if (restartPolicy && restartPolicy !== 'Always')
    errors.push(notSupported(spec.child('restartPolicy'), restartPolicy, ['Always']))
  if (activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`
    errors.push(forbidden(spec.child('activeDeadlineSeconds'), detail))
  }
  return errors
}

export function nonNegative(value: number | undefined, field: FieldPath): FieldError[] {
  return (value ?? 0) < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : []
}

/** status of a workload counts pods and generations: none may be negative. */
export function validateCounts(
  status: Readonly<Record<string, unknown>> | undefined,
  names: readonly string[],
): FieldError[] {
  const field = path('status')
  return names.flatMap((name) => nonNegative(status?.[name] as number | undefined, field.child(name)))
}

interface ReplicaStatus {
  readonly replicas?: number
  readonly readyReplicas?: number
  readonly availableReplicas?: number
  readonly collisionCount?: number
}

/** Those of `parts` are among the replicas, and what is available is ready. */
export function validateReplicaParts<S extends ReplicaStatus>(
  status: S | undefined,
  parts: readonly (keyof S & string)[],
  readyName = 'readyReplicas',
): FieldError[] {
  const field = path('status')
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status ?? {}
  const errors = parts.flatMap((name) => {
    const count = (status?.[name] ?? 0) as number
    return count > replicas
      ? [invalid(field.child(name), count, 'cannot be greater than status.replicas')]
      : []
  })
  if (availableReplicas > readyReplicas)
    errors.push(
      invalid(field.child('availableReplicas'), availableReplicas, `cannot be greater than ${readyName}`),
    )
  return errors
}

/** Collisions are counted for ever. */
export function validateCollisionCount(
  status: Pick<ReplicaStatus, 'collisionCount'> | undefined,
  previous: Pick<ReplicaStatus, 'collisionCount'> | undefined,
): FieldError[] {
  const { collisionCount } = status ?? {}
  const before = previous?.collisionCount
  if (before === undefined || (collisionCount !== undefined && collisionCount >= before)) return []
  return [invalid(path('status', 'collisionCount'), collisionCount ?? 0, 'cannot be decremented')]
}

interface Scalable extends KubernetesObject {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector }
  readonly status?: { readonly replicas?: number }
}

/** The scale subresource of kinds with spec.replicas and a label selector. */
export function scaleOfReplicas<T extends Scalable>(): NonNullable<Strategy<T>['scale']> {
  return {
    replicas: ({ spec }) => spec?.replicas ?? 0,
    withReplicas(object, replicas) {
      const { spec } = object as { spec?: { replicas?: number } }
      if (spec) spec.replicas = replicas
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => formatLabelSelector(fromLabelSelector(spec?.selector)),
  }
}

interface Templated extends KubernetesObject {
  readonly spec?: { readonly template?: PodTemplateSpec; readonly selector?: LabelSelector }
}

/** Names and images of the template's containers, and optionally the selector, as `-o wide` shows them. */
export function templateColumns<T extends Templated>(options: { readonly selector: boolean }): Column<T>[] {
  const containers = ({ spec }: T) => spec?.template?.spec?.containers ?? []
  return [
    wide(
      column<T>('Containers', 'Names of each container in the template.', (object) =>
        containers(object)
          .map(({ name }) => name)
          .join(','),
      ),
    ),
    wide(
      column<T>('Images', 'Images referenced by each container in the template.', (object) =>
        containers(object)
          .map(({ image }) => image ?? '')
          .join(','),
      ),
    ),
    ...(options.selector
      ? [
          wide(
            column<T>('Selector', 'Selects the pods that the object keeps.', ({ spec }) =>
              selectorText(spec?.selector),
            ),
          ),
        ]
      : []),
  ]
}

/** A selector as `kubectl get` shows it; one that says nothing clear is shown as upstream shows it. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    return formatLabelSelector(fromLabelSelector(selector)) || '<none>'
  } catch (error) {
    if (error instanceof SelectorError) return '<error>'
    throw error
  }
}
