import { validatePodSpec } from '../../../api/core/pod/pod-validation.ts'
import { qosClassOf } from '../../../api/core/pod/qos-class.ts'
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, invalid, path, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { Registry } from '../registry.ts'
import type { Subresource } from '../subresource.ts'
import { keepField, raiseGeneration, type UpdateRules } from '../update-rules.ts'
import { partOf } from './part-of.ts'

/** How much CPU and memory a running pod and its containers have. */
export const resizeSubresource: Subresource = partOf(
  '',
  'pods',
  'resize',
  ['get', 'patch', 'update'],
  rulesOf,
)

/** Source: kubernetes/pkg/registry/core/pod/strategy.go and pkg/apis/core/validation, ValidatePodResize. */
function rulesOf(pods: Registry): UpdateRules {
  return {
    prepare(object, previous) {
      const pod = object as Writable<Pod>
      const before = previous as Pod
      for (const key of ['labels', 'annotations', 'ownerReferences', 'finalizers']) {
        keepField(pod.metadata!, before.metadata!, key)
      }
      keepField(pod, before, 'status')
      // Added, removed or renamed containers stay to be seen by validation.
      if (!hasSameContainers(pod, before)) return
      const { resources: _resources, ...rest } = before.spec as NonNullable<Writable<Pod>['spec']>
      const { resources } = pod.spec!
      pod.spec = {
        ...rest,
        ...(resources && { resources }),
        containers: resized(before.spec!.containers, pod.spec!.containers),
        ...(before.spec?.initContainers && {
          initContainers: resized(before.spec.initContainers, pod.spec!.initContainers ?? []),
        }),
      }
      raiseGeneration(pods.served, object, previous)
    },
    validate: (object, previous) => [
      ...validatePodSpec((object as Pod).spec!, path('spec')),
      ...resizeErrors(object, previous),
    ],
  }
}

function hasSameContainers(pod: Pod, before: Pod): boolean {
  return (['containers', 'initContainers'] as const).every(
    (field) => orderErrors(pod, before, field).length === 0,
  )
}

function resized(before: readonly Container[], wanted: readonly Container[]): Writable<Container>[] {
  return before.map((container, index) => {
    const { resources: _resources, resizePolicy: _policy, ...rest } = container
    const { resources, resizePolicy } = wanted[index]!
    return {
      ...rest,
      ...(resources && { resources }),
      ...(resizePolicy && { resizePolicy }),
    } as Writable<Container>
  })
}

function resizeErrors(pod: Pod, previous: Pod): FieldError[] {
  const spec = path('spec')
  if (previous.metadata?.annotations?.['kubernetes.io/config.mirror']) {
    return [forbidden(path(''), 'static pods cannot be resized')]
  }
  if (previous.spec?.os?.name === 'windows') return [forbidden(path(''), 'windows pods cannot be resized')]
  const errors: FieldError[] = []
  if (qosClassOf(pod) !== (previous.status?.qosClass ?? qosClassOf(previous))) {
    const detail = 'Pod QOS Class may not change as a result of resizing'
    errors.push(invalid(spec, pod.status?.qosClass ?? '', detail))
  }
  if (!isResizable(previous)) {
    errors.push(forbidden(spec, 'Pod running on node without support for resize'))
  }
  errors.push(...wholeErrors(pod.spec!, previous.spec!))
  const order = (['containers', 'initContainers'] as const).flatMap((field) =>
    orderErrors(pod, previous, field),
  )
  if (order.length > 0) return [...errors, ...order]
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (pod.spec?.[field] ?? []).entries()) {
      const before = previous.spec![field]![index]!
      errors.push(...containerErrors(container, before, field, spec.child(field).index(index)))
    }
  }
  return errors
}

/** A node that resizes tells what running containers have. */
function isResizable({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running)
  return running === undefined || running.resources !== undefined
}

function orderErrors(pod: Pod, previous: Pod, field: 'containers' | 'initContainers'): FieldError[] {
  const [now, before] = [pod.spec?.[field] ?? [], previous.spec?.[field] ?? []]
  const at = path('spec', field)
  if (now.length !== before.length) {
    return [forbidden(at, `${field} may not be added or removed on resize`)]
  }
  return before.flatMap(({ name }, index) =>
    now[index]!.name === name
      ? []
      : [forbidden(at.index(index).child('name'), `${field} may not be renamed or reordered on resize`)],
  )
}

/** Of what the pod may have as a whole. Source: validatePodLevelResourcesResize. */
function wholeErrors({ resources: now }: PodSpec, { resources: before }: PodSpec): FieldError[] {
  const at = path('spec', 'resources')
  if (before && !now) return [forbidden(at, 'pod-level resources cannot be removed')]
  const errors = (['requests', 'limits'] as const).flatMap((list) =>
    isRemoved(now?.[list], before?.[list])
      ? [forbidden(at.child(list), `pod-level resource ${list} cannot be removed`)]
      : [],
  )
  if (!semanticEqual(otherResources(now), otherResources(before))) {
    errors.push(forbidden(path('spec'), 'only cpu and memory resources are mutable at pod-level'))
  }
  return errors
}

function containerErrors(
  container: Container,
  before: Container,
  field: 'containers' | 'initContainers',
  at: FieldPath,
): FieldError[] {
  const resources = at.child('resources')
  const errors = (['requests', 'limits'] as const).flatMap((list) =>
    isRemoved(container.resources?.[list], before.resources?.[list])
      ? [forbidden(resources.child(list), `resource ${list} cannot be removed`)]
      : [],
  )
  const isOtherwiseSame =
    semanticEqual(otherResources(container.resources), otherResources(before.resources)) &&
    semanticEqual(container.resizePolicy, before.resizePolicy)
  if (field === 'containers') {
    if (!isOtherwiseSame) errors.push(forbidden(path('spec'), 'only cpu and memory resources are mutable'))
    return errors
  }
  if (!isOtherwiseSame) {
    errors.push(forbidden(at, 'only cpu and memory resources for init or sidecar containers are mutable'))
  }
  const restarts = (before.resizePolicy ?? []).some(
    ({ restartPolicy }) => restartPolicy === 'RestartContainer',
  )
  const isChanged = !semanticEqual(container.resources, before.resources)
  if (isChanged && restarts && before.restartPolicy !== 'Always') {
    const detail = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'
    errors.push(forbidden(at, detail))
  }
  return errors
}

type List = Readonly<Record<string, string>>

function isRemoved(now: List = {}, before: List = {}): boolean {
  return Object.keys(before).some((name) => now[name] === undefined)
}

/** All but cpu and memory. */
function otherResources(resources: ResourceRequirements = {}) {
  const without = (list: List = {}) => {
    const { cpu: _cpu, memory: _memory, ...others } = list
    return others
  }
  return {
    claims: resources.claims,
    limits: without(resources.limits),
    requests: without(resources.requests),
  }
}
