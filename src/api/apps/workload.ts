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

/** What kinds that keep pods from a template have in common. */

export function defaultTemplate(template: Writable<PodTemplateSpec> | undefined): void {
  if (template?.spec) defaultPodSpec(template.spec)
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

/** A selector must be there, say something, and match the template's own labels. */
export function validateSelector(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  field: FieldPath,
  kind: 'deployment' | 'daemonset' | 'statefulset' = 'deployment',
): FieldError[] {
  const at = field.child('selector')
  const mismatch = invalid(
    field.child('template').child('metadata').child('labels'),
    template?.metadata?.labels ?? null,
    '`selector` does not match template `labels`',
  )
  // No selector selects nothing, the template's labels neither.
  if (!selector) return [...(kind === 'daemonset' ? [] : [required(at)]), ...(template ? [mismatch] : [])]
  const errors = validateLabelSelector(selector, at)
  if (isEmpty(selector)) errors.push(invalid(at, selector, `empty selector is invalid for ${kind}`))
  if (!isLabelSelector(selector)) {
    if (kind === 'deployment') errors.push(invalid(at, selector, 'invalid label selector'))
    if (kind === 'statefulset') errors.push(invalid(at, selector))
    return errors
  }
  if (isEmpty(selector)) return errors
  const labels = template?.metadata?.labels ?? {}
  return matchesLabels(fromLabelSelector(selector), labels) ? errors : [...errors, mismatch]
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
  const errors = validatePodTemplate(template, field)
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {}
  if (restartPolicy && restartPolicy !== 'Always') {
    errors.push(notSupported(field.child('spec').child('restartPolicy'), restartPolicy, ['Always']))
  }
  if (activeDeadlineSeconds !== undefined) {
    errors.push(
      forbidden(
        field.child('spec').child('activeDeadlineSeconds'),
        `activeDeadlineSeconds in ${kind} is not Supported`,
      ),
    )
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
