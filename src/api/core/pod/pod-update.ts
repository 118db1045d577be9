import { jsonEqual } from '../../../machinery/equal.ts'
import { forbidden, invalid, path, required, type FieldError } from '../../../machinery/field-error.ts'
import type { Container, Pod, PodSpec, Toleration } from '../../generated/core.v1.ts'
import { validatePodSpec } from './pod-validation.ts'

const allowedChanges =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What of a pod may change once it exists. Source: kubernetes pkg/apis/core/validation, ValidatePodUpdate. */
export function validatePodUpdate(pod: Pod, previous: Pod): FieldError[] {
  const [spec, old] = [pod.spec!, previous.spec!]
  const errors = [
    ...containerCountErrors(spec, old),
    ...imageErrors(spec, old),
    ...deadlineErrors(spec, old),
    ...tolerationErrors(spec.tolerations ?? [], old.tolerations ?? []),
    ...gateErrors(spec, old),
  ]
  if (errors.length > 0) return errors
  if (!jsonEqual(withAllowedChanges(spec, old), old)) return [forbidden(path('spec'), allowedChanges)]
  // What was accepted by the rules of its time stays.
  return jsonEqual(spec, old) ? [] : validatePodSpec(spec, path('spec'))
}

function containerCountErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const message = 'pod updates may not add or remove containers'
  const errors: FieldError[] = []
  if (spec.containers.length !== old.containers.length)
    errors.push(forbidden(path('spec').child('containers'), message))
  if ((spec.initContainers ?? []).length !== (old.initContainers ?? []).length) {
    errors.push(forbidden(path('spec').child('initContainers'), message))
  }
  return errors
}

function imageErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const check = (field: 'containers' | 'initContainers') =>
    (spec[field] ?? []).flatMap(({ image }, index) =>
      !image && old[field]?.[index]?.image
        ? [required(path('spec').child(field).index(index).child('image'))]
        : [],
    )
  return [...check('containers'), ...check('initContainers')]
}

/** May be set, and lowered, but not raised or taken away. */
function deadlineErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const field = path('spec').child('activeDeadlineSeconds')
  const [now, before] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds]
  if (now === before) return []
  if (now === undefined)
    return [invalid(field, now ?? null, 'must not update from a positive integer to nil value')]
  if (now < 0 || now > 2 ** 31 - 1)
    return [invalid(field, now, 'must be between 0 and 2147483647, inclusive')]
  if (before !== undefined && before < now)
    return [invalid(field, now, 'must be less than or equal to previous value')]
  return []
}

function tolerationErrors(now: readonly Toleration[], before: readonly Toleration[]): FieldError[] {
  const field = path('spec').child('tolerations')
  const withoutSeconds = ({ tolerationSeconds: _seconds, ...rest }: Toleration) => rest
  const isKept = (old: Toleration) =>
    now.some((toleration) =>
      old.effect === 'NoExecute'
        ? jsonEqual(withoutSeconds(toleration), withoutSeconds(old))
        : jsonEqual(toleration, old),
    )
  return before.every(isKept)
    ? []
    : [forbidden(field, 'existing toleration can not be modified except its tolerationSeconds')]
}

function gateErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const known = new Set((old.schedulingGates ?? []).map(({ name }) => name))
  const field = path('spec').child('schedulingGates')
  return (spec.schedulingGates ?? []).flatMap(({ name }, index) =>
    known.has(name)
      ? []
      : [
          forbidden(
            field.index(index).child('name'),
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  )
}

/** The new spec, with what may have changed set back: whatever differs then may not. */
function withAllowedChanges(spec: PodSpec, old: PodSpec): PodSpec {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    ...rest
  } = spec
  const isGated = (old.schedulingGates ?? []).length > 0
  const graceBecameOne =
    (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
  return {
    ...rest,
    containers: withImages(spec.containers, old.containers),
    ...(spec.initContainers && { initContainers: withImages(spec.initContainers, old.initContainers ?? []) }),
    ...pick(old, 'activeDeadlineSeconds', 'tolerations', 'schedulingGates'),
    ...(graceBecameOne && pick(old, 'terminationGracePeriodSeconds')),
    ...(isGated && narrowed(spec, old)),
  }
}

function withImages(containers: readonly Container[], old: readonly Container[]): Container[] {
  return containers.map((container, index) => ({
    ...container,
    ...(old[index]?.image && { image: old[index].image }),
  }))
}

function pick(spec: PodSpec, ...keys: readonly (keyof PodSpec)[]): Partial<PodSpec> {
  return Object.fromEntries(keys.filter((key) => spec[key] !== undefined).map((key) => [key, spec[key]]))
}

/** While it is gated, a pod's choice of nodes may become narrower. */
function narrowed(spec: PodSpec, old: PodSpec): Partial<PodSpec> {
  const keepsSelector = Object.entries(old.nodeSelector ?? {}).every(
    ([key, value]) => spec.nodeSelector?.[key] === value,
  )
  const terms = ({ affinity }: PodSpec) =>
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const before = terms(old)
  const now = terms(spec)
  const keepsTerms =
    !before ||
    (now?.length === before.length &&
      before.every(({ matchExpressions = [], matchFields = [] }, index) => {
        const has = (list: readonly object[], other: readonly object[]) =>
          list.every((item) => other.some((candidate) => jsonEqual(item, candidate)))
        return (
          has(matchExpressions, now[index]?.matchExpressions ?? []) &&
          has(matchFields, now[index]?.matchFields ?? [])
        )
      }))
  return { ...(keepsSelector && pick(old, 'nodeSelector')), ...(keepsTerms && pick(old, 'affinity')) }
}

/** Source: ValidatePodStatusUpdate. */
export function validatePodStatusUpdate(pod: Pod, previous: Pod): FieldError[] {
  const errors: FieldError[] = []
  const field = path('status')
  if (pod.spec?.nodeName !== previous.spec?.nodeName) {
    errors.push(forbidden(field.child('nodeName'), 'may not be changed directly'))
  }
  if (previous.spec?.restartPolicy === 'Always' || previous.spec?.restartPolicy === 'OnFailure') {
    for (const list of ['containerStatuses'] as const) {
      for (const [index, { name, state }] of (previous.status?.[list] ?? []).entries()) {
        const isFinal = previous.spec.restartPolicy === 'OnFailure' && state?.terminated?.exitCode === 0
        const now = pod.status?.[list]?.find((status) => status.name === name)
        if (isFinal && now && !now.state?.terminated) {
          errors.push(
            forbidden(
              field.child(list).index(index).child('state'),
              'may not be transitioned to non-terminated state',
            ),
          )
        }
      }
    }
  }
  return errors
}
