import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import type { Quantity } from '../../machinery/meta.ts'
import type { Container, Pod, PodSpec } from '../generated/core.v1.ts'

/** Amounts by resource name: `cpu` in thousandths of a core, everything else in its unit (bytes, pieces). */
export type Amounts = Readonly<Record<string, number>>

type ResourceList = Readonly<Record<string, Quantity>>

/** Resources that a pod may request as a whole, in spec.resources. */
function isPodLevelResource(name: string): boolean {
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
 * a container counts with the larger of what it has and what it asks for. Source: k8s.io/component-helpers/resource.
 */
export function podRequests(pod: Pod): Amounts {
  const { spec } = pod
  return spec ? podAmounts(spec, (container) => requestsOf(container, pod), 'requests') : {}
}

function podAmounts(
  spec: PodSpec,
  amounts: (container: Container) => Record<string, number>,
  kind: 'requests' | 'limits',
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

  for (const [name, quantity] of Object.entries(spec.resources?.[kind] ?? {})) {
    if (isPodLevelResource(name)) running[name] = amountOf(name, quantity)
  }
  for (const [name, quantity] of Object.entries(spec.overhead ?? {})) {
    // Overhead adds to a limit only where there is one.
    if (kind === 'limits' && running[name] === undefined) continue
    running[name] = (running[name] ?? 0) + amountOf(name, quantity)
  }
  return running
}

function requestsOf(container: Container, { status }: Pod): Record<string, number> {
  const asked = amountsOf(container.resources?.requests)
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  const now = statuses.find(({ name }) => name === container.name)
  if (!now?.allocatedResources && !now?.resources) return asked
  raise(asked, amountsOf(now.resources?.requests))
  raise(asked, amountsOf(now.allocatedResources))
  return asked
}

function add(total: Record<string, number>, amounts: Amounts): void {
  for (const name in amounts) total[name] = (total[name] ?? 0) + amounts[name]!
}

function raise(most: Record<string, number>, amounts: Amounts): void {
  for (const name in amounts) most[name] = Math.max(most[name] ?? 0, amounts[name]!)
}
