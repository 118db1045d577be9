import { addQuantity, compareQuantity, formatQuantity } from '../../../machinery/quantity.ts'
import type { Quantity } from '../../../machinery/meta.ts'
import type { Container, PodSpec } from '../../generated/core.v1.ts'

type ResourceList = Record<string, Quantity>

/**
 * What the containers of a pod ask for, or are allowed, together: the sum of those that run beside one another, sidecars
 * among them, or what the start takes where that is more. Source: AggregateContainerRequests.
 */
export function amountsOfContainers(
  { containers, initContainers = [] }: PodSpec,
  kind: 'requests' | 'limits',
): Readonly<ResourceList> {
  const running: ResourceList = {}
  const sidecars: ResourceList = {}
  const starting: ResourceList = {}
  const amountsOf = ({ resources }: Container) => resources?.[kind] ?? {}
  for (const container of containers) add(running, amountsOf(container))
  for (const container of initContainers) {
    const own = { ...amountsOf(container) }
    if (container.restartPolicy === 'Always') {
      add(running, own)
      add(sidecars, own)
      raise(starting, sidecars)
    } else {
      add(own, sidecars)
      raise(starting, own)
    }
  }
  raise(running, starting)
  return running
}

function add(total: ResourceList, amounts: Readonly<ResourceList>): void {
  for (const [name, amount] of Object.entries(amounts))
    total[name] = total[name] === undefined ? amount : formatQuantity(addQuantity(total[name], amount))
}

function raise(most: ResourceList, amounts: Readonly<ResourceList>): void {
  for (const [name, amount] of Object.entries(amounts))
    if (most[name] === undefined || compareQuantity(amount, most[name]) > 0) most[name] = amount
}
