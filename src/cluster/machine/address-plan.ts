import { formatIpv4, overlaps, parseCidr, type Cidr } from './cidr.ts'

/** The addresses of one cluster, chosen once and kept in its folder. */
export interface AddressPlan {
  /** Which of the plans this is; names of links are derived from it. */
  readonly index: number
  /** Addresses of the nodes; the first is the host's end of the bridge. */
  readonly nodeSubnet: string
  readonly podCidr: string
  /** Length of each node's part of podCidr. */
  readonly nodeCidrMaskSize: number
  readonly serviceCidr: string
}

/** How many clusters can have addresses of their own on one machine. */
export const planCount = 32
/** Above this many nodes the pods' addresses are taken from a larger range, which no machine routes. */
const routedNodes = 200

/**
 * Plan 0 has the ranges that every introduction to Kubernetes shows (services in 10.96, pods in 10.244); each further
 * plan is beside it, disjoint from all the others.
 */
export function addressPlan(index: number, nodes: number): AddressPlan {
  return {
    index,
    nodeSubnet: `10.${64 + index}.0.0/24`,
    podCidr: nodes > routedNodes ? '10.128.0.0/9' : `10.${244 - index}.0.0/16`,
    nodeCidrMaskSize: 24,
    serviceCidr: `10.${96 + index}.0.0/16`,
  }
}

/**
 * The first plan that is not `taken` and whose ranges overlap none of `routes`; undefined when there is none. Where
 * wide routes (10.0.0.0/8 of a private network) leave nothing, those are passed over: the cluster's own are more specific.
 */
export function choosePlan(
  routes: readonly string[],
  taken: ReadonlySet<number>,
  nodes: number,
): AddressPlan | undefined {
  const free = Array.from({ length: planCount }, (_, index) => index)
    .filter((index) => !taken.has(index))
    .map((index) => addressPlan(index, nodes))
  const narrow = routes.filter((route) => parseCidr(route).prefixLength >= 16)
  return (
    free.find((plan) => collidingRoute(plan, routes) === undefined) ??
    free.find((plan) => collidingRoute(plan, narrow) === undefined)
  )
}

/** A route that takes some of the plan's addresses. The default route does not. */
export function collidingRoute(plan: AddressPlan, routes: readonly string[]): string | undefined {
  const ranges = [plan.nodeSubnet, plan.podCidr, plan.serviceCidr].map(parseCidr)
  return routes.find((route) => {
    const cidr = parseCidr(route)
    return cidr.prefixLength > 0 && ranges.some((range) => overlaps(range, cidr))
  })
}

/** Whether the machine may route to the cluster's Services: not where it has moved away from a plan and kept their range. */
export function ownsServiceCidr({ index, serviceCidr }: AddressPlan): boolean {
  return addressPlan(index, 1).serviceCidr === serviceCidr
}

/** The host's end of the bridge, where nodes reach the API server. */
export function hostAddress(plan: AddressPlan): string {
  return nth(plan.nodeSubnet, 1)
}

/** The address of the node with this number, from 1 to 244. */
export function nodeAddress(plan: AddressPlan, number: number): string {
  return nth(plan.nodeSubnet, 9 + number)
}

/** The `kubernetes` Service: the first of the range, as the API server takes it. */
export function apiServiceAddress(plan: AddressPlan): string {
  return nth(plan.serviceCidr, 1)
}

/** The cluster DNS Service: the tenth of the range, as kubeadm places it. */
export function dnsServiceAddress(plan: AddressPlan): string {
  return nth(plan.serviceCidr, 10)
}

function nth(cidr: string, offset: number): string {
  const range: Cidr = parseCidr(cidr)
  return formatIpv4(range.base + offset)
}
