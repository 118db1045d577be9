import { semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, invalid, path, required, type FieldError } from '../../../machinery/field-error.ts'
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../../generated/core.v1.ts'
import { internalDifference, internalForm, internalList, internalMap } from '../../internal-form.ts'
import { validateImageText } from './container-validation.ts'
import { validatePodAnnotationsUpdate } from './pod-annotations.ts'
import { validatePodParts } from './pod-validation.ts'

const allowedChanges =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

const field = path('spec')
const maxInt32 = 2 ** 31 - 1

/** What of a pod may change once it exists. Source: kubernetes pkg/apis/core/validation, ValidatePodUpdate. */
export function validatePodUpdate(pod: Pod, previous: Pod): FieldError[] {
  const [spec, old] = [pod.spec!, previous.spec!]
  const errors = validatePodParts(pod)
  const annotations = path('metadata', 'annotations')
  errors.push(
    ...validatePodAnnotationsUpdate(pod.metadata?.annotations, previous.metadata?.annotations, annotations),
  )
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list] ?? []).length !== (old[list] ?? []).length)
      return [...errors, forbidden(field.child(list), 'pod updates may not add or remove containers')]
    errors.push(...imageErrors(spec, list))
  }
  const deadline = deadlineErrors(spec, old)
  errors.push(...deadline)
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return errors
  errors.push(...tolerationErrors(spec.tolerations ?? [], old.tolerations ?? []), ...gateErrors(spec, old))
  if (semanticEqual(spec, old)) return errors
  const isGated = (old.schedulingGates ?? []).length > 0
  if (isGated) errors.push(...selectorErrors(spec, old), ...affinityErrors(spec, old))
  const withOld = withAllowedChanges(spec, old, isGated)
  if (!semanticEqual(withOld, old))
    errors.push(forbidden(field, `${allowedChanges}\n${internalDifference('core.v1.PodSpec', old, withOld)}`))
  return errors
}

function imageErrors(spec: PodSpec, list: 'containers' | 'initContainers'): FieldError[] {
  return (spec[list] ?? []).flatMap((container, index) => {
    const at = field.child(list).index(index)
    return container.image ? validateImageText(container, at) : [required(at.child('image'))]
  })
}

/** May be set, and lowered, but not raised or taken away. */
function deadlineErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const at = field.child('activeDeadlineSeconds')
  const [now, before] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds]
  if (now === undefined) {
    const detail = 'must not update from a positive integer to nil value'
    return before === undefined ? [] : [invalid(at, null, detail)]
  }
  if (now < 0 || now > maxInt32) return [invalid(at, now, `must be between 0 and ${maxInt32}, inclusive`)]
  return before !== undefined && before < now
    ? [invalid(at, now, 'must be less than or equal to previous value')]
    : []
}

function tolerationErrors(now: readonly Toleration[], before: readonly Toleration[]): FieldError[] {
  const withoutSeconds = ({ tolerationSeconds: _seconds, ...rest }: Toleration) => rest
  const isKept = (old: Toleration) =>
    now.some((toleration) => semanticEqual(withoutSeconds(toleration), withoutSeconds(old)))
  if (before.every(isKept)) return []
  const detail = 'existing toleration can not be modified except its tolerationSeconds'
  return [forbidden(field.child('tolerations'), detail)]
}

function gateErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const known = new Set((old.schedulingGates ?? []).map(({ name }) => name))
  return (spec.schedulingGates ?? []).flatMap(({ name }, index) => {
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`
    const at = field.child('schedulingGates').index(index).child('name')
    return known.has(name) ? [] : [forbidden(at, detail)]
  })
}

/** While it is gated, a pod's choice of nodes may become narrower. */
function selectorErrors({ nodeSelector }: PodSpec, old: PodSpec): FieldError[] {
  const isKept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => nodeSelector?.[key] === value)
  const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
  return isKept ? [] : [invalid(field.child('nodeSelector'), internalMap(nodeSelector), detail)]
}

function affinityErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const terms = ({ affinity }: PodSpec) => affinity?.nodeAffinity?.[required]?.nodeSelectorTerms
  const before = terms(old) ?? []
  const now = terms(spec) ?? []
  const at = field.child('affinity', 'nodeAffinity', required, 'nodeSelectorTerms')
  if (before.length > 0 && before.length !== now.length)
    return [
      invalid(
        at,
        internalList('core.v1.NodeSelectorTerm', terms(spec)),
        'no additions/deletions to non-empty NodeSelectorTerms list are allowed',
      ),
    ]
  return before.flatMap((term, index) =>
    isNarrowed(now[index]!, term)
      ? []
      : [
          invalid(
            at.index(index),
            internalForm('core.v1.NodeSelectorTerm', now[index]),
            'only additions are allowed (no mutations or deletions)',
          ),
        ],
  )
}

/** A term that matches nothing must not begin to match. */
function isNarrowed(now: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const
  if (lists.every((list) => !before[list]?.length)) return lists.every((list) => !now[list]?.length)
  return lists.every((list) => {
    const old = before[list] ?? []
    return old.length === 0 || semanticEqual((now[list] ?? []).slice(0, old.length), old)
  })
}

/** The new spec, with what may have changed set back: whatever differs then may not. */
function withAllowedChanges(spec: PodSpec, old: PodSpec, isGated: boolean): PodSpec {
  const { activeDeadlineSeconds: _a, tolerations: _t, schedulingGates: _g, ...rest } = spec
  const graceBecameOne =
    (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
  return {
    ...rest,
    containers: withImages(spec.containers, old.containers),
    ...(spec.initContainers && { initContainers: withImages(spec.initContainers, old.initContainers ?? []) }),
    ...pick(old, 'activeDeadlineSeconds', 'tolerations', 'schedulingGates'),
    ...(graceBecameOne && pick(old, 'terminationGracePeriodSeconds')),
    ...(isGated && { ...without(pick(old, 'nodeSelector')), affinity: withNodeAffinity(spec, old) }),
  } as PodSpec
}

function withImages(containers: readonly Container[], old: readonly Container[]): Container[] {
  return containers.map(({ image: _image, ...container }, index) => {
    const image = old[index]?.image
    return { ...container, ...(image !== undefined && { image }) }
  })
}

function pick(spec: PodSpec, ...keys: readonly (keyof PodSpec)[]): Partial<PodSpec> {
  return Object.fromEntries(keys.filter((key) => spec[key] !== undefined).map((key) => [key, spec[key]]))
}

/** No selector, where the old pod had none. */
function without(picked: Partial<PodSpec>): Partial<PodSpec> {
  return { nodeSelector: {}, ...picked }
}

function withNodeAffinity({ affinity = {} }: PodSpec, old: PodSpec): PodSpec['affinity'] {
  const { nodeAffinity: _now, ...others } = affinity
  const { nodeAffinity } = old.affinity ?? {}
  return { ...others, ...(nodeAffinity && { nodeAffinity }) }
}
