import type { Service, ServicePort } from '../api/generated/core.v1.ts'
import type { ObjectMeta } from '../machinery/meta.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { addressesOf, isInNetworks, networksOf, type Family } from './addresses.ts'
import { endpointsOfPort, pickCluster, pickLocal, type Endpoint } from './endpoints.ts'

/** The node whose packets are directed: what "local" and "near" mean. */
export interface ProxyNode {
  readonly name: string
  readonly zone?: string
  /** Its own, without host bits; for load balancers that are open to some networks only. */
  readonly addresses?: readonly string[]
  /** Whether every packet to a cluster address takes the node's address as source, and not only those from outside. */
  readonly masqueradeAll?: boolean
}

/** One place where a Service port is reached at, with the endpoints that answer there. */
export interface Frontend {
  /** `services` are matched by address, protocol and port; `node-ports` by protocol and port at any of the node's addresses. */
  readonly kind: 'services' | 'node-ports'
  /** A cluster IP: other ports of that address are refused. */
  readonly isClusterAddress?: true
  /** Only for packets from pods or the node itself: what `externalTrafficPolicy: Local` means to them. */
  readonly inside: boolean
  readonly family: Family
  /** Absent for node ports. */
  readonly address?: string
  readonly protocol: Protocol
  readonly port: number
  /** Whose packets take the node's address as source: all, those from outside the pod network, none. */
  readonly masquerade: 'always' | 'outside' | 'never'
  readonly endpoints: readonly Endpoint[]
  /** What happens to packets when there are no endpoints: `drop` where other nodes may have some. */
  readonly whenEmpty: 'reject' | 'drop'
  /** Seconds for which a client stays with its endpoint. */
  readonly affinitySeconds?: number
  /** Names the Service port, for affinity that all its frontends share: `namespace/name:port`. */
  readonly servicePort: string
  /** Networks that may reach a load balancer address; everyone when absent. */
  readonly sourceRanges?: readonly string[]
}

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** Every frontend of a Service. None for headless and ExternalName ones, and for those another proxy serves. */
export function frontendsOf(service: Service, slices: readonly EndpointSlice[], node: ProxyNode): Frontend[] {
  if (!isProxied(service)) return []
  return (service.spec?.ports ?? []).flatMap((port) => {
    return servedFamilies(service).flatMap((family) => frontendsOfPort(service, port, family, slices, node))
  })
}

const families = ['IPv4', 'IPv6'] as const

/** A Service is served in the families that it has a cluster address of. */
export function servedFamilies(service: Service): readonly Family[] {
  return families.filter((family) => addressesOf(family, clusterAddresses(service)).length > 0)
}

/** Labels whose presence takes a Service, whatever its type, away from this proxy. Source: kubernetes/cmd/kube-proxy. */
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'

/** Whether a label gives it to another proxy, or to nobody's: a Service, or endpoints of one. */
export function hasOtherProxy({ labels }: Readonly<ObjectMeta> = {}): boolean {
  return labels?.[otherProxyLabel] !== undefined || labels?.[headlessLabel] !== undefined
}

/** Whether this proxy serves it at all. */
export function isProxied({ metadata, spec }: Service): boolean {
  return (
    !hasOtherProxy(metadata) &&
    spec?.type !== 'ExternalName' &&
    !!spec?.clusterIP &&
    spec.clusterIP !== 'None'
  )
}

function clusterAddresses({ spec }: Service): readonly string[] {
  return spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : [])
}

function frontendsOfPort(
  service: Service,
  port: ServicePort,
  family: Family,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
): Frontend[] {
  const { spec, metadata } = service
  const all = endpointsOfPort(slices, port, family, node)
  const clusterEndpoints = pickCluster(all, node)
  const common = {
    family,
    protocol: (port.protocol ?? 'TCP').toLowerCase() as Protocol,
    servicePort: `${metadata?.namespace}/${metadata?.name}:${port.name ?? ''}`,
    ...affinityOf(service),
  }
  const isInternalLocal = spec?.internalTrafficPolicy === 'Local'
  const internal = {
    ...common,
    kind: 'services',
    inside: false,
    port: port.port,
    isClusterAddress: true,
    masquerade: node.masqueradeAll ? 'always' : 'outside',
    endpoints: isInternalLocal ? pickLocal(all) : clusterEndpoints,
    whenEmpty: isInternalLocal && clusterEndpoints.length > 0 ? 'drop' : 'reject',
  } as const

  const outside = { common, all, clusterEndpoints, isLocal: spec?.externalTrafficPolicy === 'Local' }
  const { clusterIPs, externalIPs, balancerIPs } = placesOf(service, family)
  const sourceRanges = allowedSources(service, family, balancerIPs, node)

  return [
    ...clusterIPs.map((address) => ({ ...internal, address })),
    ...externalIPs.flatMap((address) => external({ kind: 'services', address, port: port.port }, outside)),
    ...balancerIPs.flatMap((address) =>
      external(
        { kind: 'services', address, port: port.port, ...(sourceRanges.length > 0 && { sourceRanges }) },
        outside,
      ),
    ),
    ...(port.nodePort ? external({ kind: 'node-ports', port: port.nodePort }, outside) : []),
  ]
}

/** The addresses of a Service in one family. A load balancer that does not hand packets on as they came has none here. */
export function placesOf(service: Service, family: Family) {
  const { spec, status } = service
  const balancers = (status?.loadBalancer?.ingress ?? []).filter(
    ({ ipMode }) => ipMode === undefined || ipMode === 'VIP',
  )
  return {
    clusterIPs: addressesOf(family, clusterAddresses(service)),
    externalIPs: addressesOf(family, spec?.externalIPs ?? []),
    balancerIPs: addressesOf(
      family,
      balancers.map(({ ip }) => ip),
    ),
  }
}

/**
 * Networks that may reach a load balancer address. A node among them may too when it holds that address itself: its
 * packets then have the address as source.
 */
function allowedSources(
  { spec }: Service,
  family: Family,
  balancerIPs: readonly string[],
  { addresses = [] }: ProxyNode,
): readonly string[] {
  const ranges = networksOf(family, spec?.loadBalancerSourceRanges ?? [])
  if (!addresses.some((address) => isInNetworks(address, ranges))) return ranges
  const bits = family === 'IPv4' ? 32 : 128
  return networksOf(family, [...ranges, ...balancerIPs.map((address) => `${address}/${bits}`)])
}

function affinityOf({ spec }: Service): { affinitySeconds?: number } {
  if (spec?.sessionAffinity !== 'ClientIP') return {}
  return { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 }
}

interface Outside {
  readonly common: Pick<Frontend, 'family' | 'protocol' | 'servicePort' | 'affinitySeconds'>
  readonly all: readonly Endpoint[]
  readonly clusterEndpoints: readonly Endpoint[]
  readonly isLocal: boolean
}

/** With policy Local, packets from outside keep their source and stay on this node; those from inside are spread as usual. */
function external(
  at: Pick<Frontend, 'kind' | 'address' | 'port' | 'sourceRanges'>,
  { common, all, clusterEndpoints, isLocal }: Outside,
): Frontend[] {
  const spread: Frontend = {
    ...common,
    ...at,
    inside: isLocal,
    masquerade: isLocal ? 'outside' : 'always',
    endpoints: clusterEndpoints,
    whenEmpty: 'reject',
  }
  if (!isLocal) return [spread]
  const whenEmpty = clusterEndpoints.length > 0 ? 'drop' : 'reject'
  return [
    spread,
    { ...common, ...at, inside: false, masquerade: 'never', endpoints: pickLocal(all), whenEmpty },
  ]
}
