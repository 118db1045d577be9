import type { Container, Pod, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { compareQuantity } from '../../../machinery/quantity.ts'

/** What a resize may change. */
export const resizable = ['cpu', 'memory'] as const
const lists = ['requests', 'limits'] as const

/**
 * The CPU and memory that the node has set aside for a pod. It is what the spec says, except while the node has no room
 * for what a resize asks for: then the pod goes on with what it has, also when its containers restart.
 */
export interface Allocation {
  readonly whole: ResourceRequirements | undefined
  /** By name, without ephemeral ones. */
  readonly containers: ReadonlyMap<string, ResourceRequirements | undefined>
}

export function askedAllocation({ spec }: Pod): Allocation {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  return {
    whole: spec?.resources,
    containers: new Map(containers.map(({ name, resources }) => [name, resources])),
  }
}

/** What an earlier kubelet had set aside for the pod, as the status tells; what it does not tell is as asked. */
export function toldAllocation(pod: Pod): Allocation {
  const asked = askedAllocation(pod)
  const { status } = pod
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const containers = new Map(asked.containers)
  for (const { name, resources, allocatedResources } of statuses) {
    if (resources && containers.has(name)) {
      containers.set(name, told(allocatedResources ?? resources.requests, resources.limits))
    }
  }
  if (!asked.whole || !status?.resources) return { ...asked, containers }
  const requests = status.allocatedResources ?? status.resources.requests
  return { whole: told(requests, status.resources.limits), containers }
}

function told(
  requests: ResourceRequirements['requests'],
  limits: ResourceRequirements['limits'],
): ResourceRequirements {
  return { ...(requests && { requests }), ...(limits && { limits }) }
}

/** Names of what differs between two amounts of CPU and memory. */
export function resizedResources(
  wanted: ResourceRequirements | undefined,
  has: ResourceRequirements | undefined,
): readonly string[] {
  return resizable.filter((name) =>
    lists.some((list) => differs(wanted?.[list]?.[name], has?.[list]?.[name])),
  )
}

function differs(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b
  return compareQuantity(a, b) !== 0
}

/** Whether the pod asks for something else than is set aside for it. */
export function isResized(pod: Pod, allocation: Allocation): boolean {
  const asked = askedAllocation(pod)
  if (resizedResources(asked.whole, allocation.whole).length > 0) return true
  return [...asked.containers].some(
    ([name, resources]) => resizedResources(resources, allocation.containers.get(name)).length > 0,
  )
}

/** The pod as it would be if it asked for what is set aside for it. */
export function allocatedPod(pod: Pod, allocation: Allocation): Pod {
  const { spec } = pod
  if (!spec || !isResized(pod, allocation)) return pod
  const given = (container: Container): Container => ({
    ...container,
    ...withResources(container.resources, allocation.containers.get(container.name)),
  })
  return {
    ...pod,
    spec: {
      ...spec,
      ...withResources(spec.resources, allocation.whole),
      containers: spec.containers.map(given),
      ...(spec.initContainers && { initContainers: spec.initContainers.map(given) }),
    },
  }
}

function withResources(asked: ResourceRequirements | undefined, given: ResourceRequirements | undefined) {
  if (!asked && !given) return {}
  const of = (list: (typeof lists)[number]) => {
    const { cpu: _cpu, memory: _memory, ...others } = asked?.[list] ?? {}
    const { cpu, memory } = given?.[list] ?? {}
    return { ...others, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }
  }
  return { resources: { ...asked, requests: of('requests'), limits: of('limits') } }
}
