import { isIPv6 } from 'node:net'
import type { Service, ServicePort } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointsOfPort, pickCluster, pickLocal, type Endpoint } from './endpoints.ts'

/** The node whose packets are directed: what "local" and "near" mean. */
export interface ProxyNode {
  readonly name: string
  readonly zone?: string
}

export type Family = 'IPv4' | 'IPv6'

/** One place where a Service port is reached at, with the endpoints that answer there. */
export interface Frontend {
  /** `services` are matched by address, protocol and port; `node-ports` by protocol and port at any of the node's addresses. */
  readonly kind: 'services' | 'node-ports'
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
  const families = new Set(clusterAddresses(service).map(familyOf))
  return (service.spec?.ports ?? []).flatMap((port) => {
    return [...families].flatMap((family) => frontendsOfPort(service, port, family, slices, node))
  })
}

export function familyOf(address: string): Family {
  return isIPv6(address) ? 'IPv6' : 'IPv4'
}

/** Labels whose presence takes a Service, whatever its type, away from this proxy. Source: kubernetes/cmd/kube-proxy. */
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'

/** Whether this proxy serves it at all. */
export function isProxied({ metadata, spec }: Service): boolean {
  const { [otherProxyLabel]: otherProxy, [headlessLabel]: headless } = metadata?.labels ?? {}
  return (
    otherProxy === undefined &&
    headless === undefined &&
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
  const { spec, status, metadata } = service
  const all = endpointsOfPort(slices, port.name ?? '', family, node)
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
    masquerade: 'outside',
    endpoints: isInternalLocal ? pickLocal(all) : clusterEndpoints,
    whenEmpty: isInternalLocal && clusterEndpoints.length > 0 ? 'drop' : 'reject',
  } as const

  const outside = { common, all, clusterEndpoints, isLocal: spec?.externalTrafficPolicy === 'Local' }
  const inFamily = (address: string) => familyOf(address) === family
  const externalAddresses = (spec?.externalIPs ?? []).filter(inFamily)
  const balancerAddresses = (status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => ipMode === undefined || ipMode === 'VIP')
    .flatMap(({ ip }) => (ip && inFamily(ip) ? [ip] : []))
  const sourceRanges = (spec?.loadBalancerSourceRanges ?? [])
    .map((range) => range.trim())
    .filter(inRangeFamily(family))

  return [
    ...clusterAddresses(service)
      .filter(inFamily)
      .map((address) => ({ ...internal, address })),
    ...externalAddresses.flatMap((address) =>
      external({ kind: 'services', address, port: port.port }, outside),
    ),
    ...balancerAddresses.flatMap((address) =>
      external(
        { kind: 'services', address, port: port.port, ...(sourceRanges.length > 0 && { sourceRanges }) },
        outside,
      ),
    ),
    ...(port.nodePort ? external({ kind: 'node-ports', port: port.nodePort }, outside) : []),
  ]
}

function inRangeFamily(family: Family): (range: string) => boolean {
  return (range) => familyOf(range.split('/')[0]!) === family
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
