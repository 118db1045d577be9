import { isIPv6 } from 'node:net'
import type { Node, Service } from '../../api/generated/core.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { parseIp } from '../../machinery/ip.ts'
import { isDeleting } from '../../machinery/owner.ts'

export interface Surroundings {
  readonly nodes: readonly Node[]
  /** Of the Service. */
  readonly slices: readonly EndpointSlice[]
  /** Other Services with a balancer that want one of its ports. */
  readonly rivals: readonly Service[]
  readonly reservedPorts: readonly number[]
}

export interface BalancerAddresses {
  readonly addresses: readonly string[]
  /** Why there are none, where that is not only for want of nodes. */
  readonly reason?: string
}

/** More are of no use to clients, and would be written into every such Service. */
const mostAddresses = 16

const excludedLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
const goingTaint = 'ToBeDeletedByClusterAutoscaler'

/** Whether it is for us: those with a class are for another controller. */
export function wantsBalancer({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && spec.loadBalancerClass === undefined
}

/** Its ports with their protocols: `TCP/80`. */
export function placesOf({ spec }: Service): string[] {
  return (spec?.ports ?? []).map(({ protocol = 'TCP', port }) => `${protocol}/${port}`)
}

/** At which nodes' addresses the Service is reached. Pure. */
export function balancerAddresses(service: Service, around: Surroundings): BalancerAddresses {
  const { spec } = service
  const reserved = (spec?.ports ?? []).find(({ port }) => around.reservedPorts.includes(port))
  if (reserved) return { addresses: [], reason: `port ${reserved.port} is the nodes' own` }
  const older = around.rivals.find((rival) => isOlder(rival, service))
  if (older) {
    const { namespace, name } = older.metadata ?? {}
    return { addresses: [], reason: `Service ${namespace}/${name} has a port of it already` }
  }

  const holders = new Set(
    around.slices
      .flatMap(({ endpoints = [] }) => endpoints)
      .filter(({ conditions }) => conditions?.ready !== false || conditions.serving === true)
      .map(({ nodeName }) => nodeName),
  )
  const chosen = around.nodes
    .filter(isEligible)
    .filter(({ metadata }) => spec?.externalTrafficPolicy !== 'Local' || holders.has(metadata?.name))
  const families = spec?.ipFamilies ?? ['IPv4']
  const all = families.flatMap((family) => chosen.flatMap((node) => addressOf(node, family) ?? []))
  const addresses = [...new Set(all)].sort(byAddress)
  if (!spec?.loadBalancerIP) return { addresses: addresses.slice(0, mostAddresses) }
  if (addresses.includes(spec.loadBalancerIP)) return { addresses: [spec.loadBalancerIP] }
  return { addresses: [], reason: `no node has the address ${spec.loadBalancerIP}` }
}

function byAddress(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => parseIp(text)?.value ?? 0n)
  return a! < b! ? -1 : Number(a! > b!)
}

function isOlder(one: Service, other: Service): boolean {
  const [a, b] = [one, other].map(({ metadata }) => `${metadata?.creationTimestamp} ${metadata?.uid}`)
  return a! < b!
}

/** Source: k8s.io/cloud-provider controllers/service, nodeReadyPredicate and the like. */
function isEligible(node: Node): boolean {
  const { metadata, spec, status } = node
  return (
    !isDeleting(node) &&
    metadata?.labels?.[excludedLabel] === undefined &&
    !spec?.taints?.some(({ key }) => key === goingTaint) &&
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
  )
}

function addressOf({ status }: Node, family: string): string | undefined {
  const inFamily = (status?.addresses ?? []).filter(
    ({ type, address }) =>
      (type === 'ExternalIP' || type === 'InternalIP') && isIPv6(address) === (family === 'IPv6'),
  )
  return (inFamily.find(({ type }) => type === 'ExternalIP') ?? inFamily[0])?.address
}
