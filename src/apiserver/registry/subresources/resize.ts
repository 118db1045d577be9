import { validatePodSpec } from '../../../api/core/pod/pod-validation.ts'
import { qosClassOf } from '../../../api/core/pod/qos-class.ts'
import type { Container, Pod, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { jsonEqual, semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, path, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { Registry } from '../registry.ts'
import type { Subresource } from '../subresource.ts'
import { keepField, raiseGeneration, type UpdateRules } from '../update-rules.ts'
import { partOf } from './part-of.ts'

/** How much CPU and memory the containers of a running pod have. */
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
      pod.spec = {
        ...(before.spec as Writable<Pod>['spec'])!,
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

function hasSameContainers({ spec }: Pod, { spec: before }: Pod): boolean {
  return (
    jsonEqual(spec?.containers.map(nameOf), before?.containers.map(nameOf)) &&
    jsonEqual(spec?.initContainers?.map(nameOf), before?.initContainers?.map(nameOf))
  )
}

function nameOf({ name }: { readonly name: string }): string {
  return name
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
  if (!hasSameContainers(pod, previous)) {
    return [forbidden(spec, 'only cpu and memory resources are mutable')]
  }
  const errors: FieldError[] = []
  if (qosClassOf(pod) !== qosClassOf(previous)) {
    errors.push(forbidden(spec, 'Pod QOS Class may not change as a result of resizing'))
  }
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (pod.spec?.[field] ?? []).entries()) {
      const before = previous.spec![field]![index]!
      const at = spec.child(field).index(index)
      errors.push(...containerErrors(container, before, field === 'initContainers', at))
    }
  }
  return errors
}

function containerErrors(
  container: Container,
  before: Container,
  isInit: boolean,
  at: FieldPath,
): FieldError[] {
  if (semanticEqual(container.resources, before.resources)) return []
  const resources = at.child('resources')
  if (isInit && before.restartPolicy !== 'Always') {
    return [forbidden(resources, 'resources for non-sidecar init containers are immutable')]
  }
  const errors: FieldError[] = []
  if (!semanticEqual(otherResources(container.resources), otherResources(before.resources))) {
    errors.push(forbidden(path('spec'), 'only cpu and memory resources are mutable'))
  }
  for (const list of ['requests', 'limits'] as const) {
    for (const name of Object.keys(before.resources?.[list] ?? {})) {
      if (container.resources?.[list]?.[name] !== undefined) continue
      errors.push(forbidden(resources.child(list), `resource ${list} cannot be removed`))
    }
  }
  return errors
}

/** All but cpu and memory. */
function otherResources(resources: ResourceRequirements = {}) {
  const without = (list: Readonly<Record<string, unknown>> = {}) => {
    const { cpu: _cpu, memory: _memory, ...others } = list
    return others
  }
  return {
    claims: resources.claims,
    limits: without(resources.limits),
    requests: without(resources.requests),
  }
}
