import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import type { Quantity } from '../../machinery/meta.ts'
import type { Container, ContainerStatus, Pod, PodSpec } from '../generated/core.v1.ts'

/** Amounts by resource name: `cpu` in thousandths of a core, everything else in its unit (bytes, pieces). */
export type Amounts = Readonly<Record<string, number>>

type ResourceList = Readonly<Record<string, Quantity>>

/** Resources that a pod may request as a whole, in spec.resources. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

export function amountOf(name: string, quantity: Quantity): number {
  return name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity)
}

export function amountsOf(list: ResourceList | undefined): Record<string, number> {
  const amounts: Record<string, number> = {}
  for (const [name, quantity] of Object.entries(list ?? {})) amounts[name] = amountOf(name, quantity)
  return amounts
}

/**
 * What a pod needs of a node: the sum of its containers and sidecars, or of the init container that needs most together
 * with the sidecars started before it; pod-level requests in place of that; overhead on top. While a resize is under way,
 * the pod and each container count with the largest of what they have, are to get and ask for; what they ask for in vain
 * does not count. Source: k8s.io/component-helpers/resource.
 */
export function podRequests(pod: Pod): Amounts {
  const { spec } = pod
  if (!spec) return {}
  return podAmounts(spec, (container) => requestsOf(container, pod), 'requests', wholeRequestsOf(pod))
}

function podAmounts(
  spec: PodSpec,
  amounts: (container: Container) => Record<string, number>,
  kind: 'requests' | 'limits',
  whole: Amounts,
): Amounts {
  const running: Record<string, number> = {}
  for (const container of spec.containers) add(running, amounts(container))

  const sidecars: Record<string, number> = {}
  const starting: Record<string, number> = {}
  for (const container of spec.initContainers ?? []) {
    const own = amounts(container)
    if (container.restartPolicy === 'Always') {
      add(running, own)
      add(sidecars, own)
      raise(starting, sidecars)
    } else {
      const withSidecars = { ...own }
      add(withSidecars, sidecars)
      raise(starting, withSidecars)
    }
  }
  raise(running, starting)

  for (const name of Object.keys(spec.resources?.[kind] ?? {})) {
    if (isPodLevelResource(name)) running[name] = whole[name] ?? 0
  }
  for (const [name, quantity] of Object.entries(spec.overhead ?? {})) {
    // Overhead adds to a limit only where there is one.
    if (kind === 'limits' && running[name] === undefined) continue
    running[name] = (running[name] ?? 0) + amountOf(name, quantity)
  }
  return running
}

function requestsOf(container: Container, pod: Pod): Record<string, number> {
  const asked = container.resources?.requests
  const now = countedStatus(container, pod)
  return now ? effective(pod, asked, now.resources?.requests, now.allocatedResources) : amountsOf(asked)
}

/** The status of one of the pod's containers that counts with what it has beside what it asks for. */
export function countedStatus(container: Container, { spec, status }: Pod): ContainerStatus | undefined {
  const isInit = spec?.initContainers?.includes(container)
  // What a container that is to end was given matters only until then.
  if (isInit && container.restartPolicy !== 'Always') return undefined
  const statuses = isInit ? status?.initContainerStatuses : status?.containerStatuses
  return statuses?.find(({ name, resources }) => name === container.name && resources)
}

function wholeRequestsOf(pod: Pod): Amounts {
  const { requests } = pod.spec?.resources ?? {}
  if (!requests) return {}
  const { resources, allocatedResources } = pod.status ?? {}
  return resources ? effective(pod, requests, resources.requests, allocatedResources) : amountsOf(requests)
}

function effective(
  pod: Pod,
  asked: ResourceList | undefined,
  given: ResourceList | undefined,
  allocated: ResourceList | undefined,
): Record<string, number> {
  const most = isResizeInfeasible(pod) ? {} : amountsOf(asked)
  raise(most, amountsOf(given))
  raise(most, amountsOf(allocated))
  return most
}

/** The node can never give what the pod asks for since it was resized. */
export function isResizeInfeasible({ status }: Pod): boolean {
  return status?.conditions?.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible'
}

function add(total: Record<string, number>, amounts: Amounts): void {
  for (const name in amounts) total[name] = (total[name] ?? 0) + amounts[name]!
}

function raise(most: Record<string, number>, amounts: Amounts): void {
  for (const name in amounts) most[name] = Math.max(most[name] ?? 0, amounts[name]!)
}
