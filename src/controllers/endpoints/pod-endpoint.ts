import type { Node, Pod, Service } from '../../api/generated/core.v1.ts'
import type { Endpoint, EndpointHints } from '../../api/generated/discovery.v1.ts'
import { identityOf } from '../ownership/identity.ts'
import { isReady, isTerminal } from '../pods/pod-state.ts'
import { wantsTopologyHints } from './topology-hints.ts'

export type AddressFamily = 'IPv4' | 'IPv6'

const zoneLabel = 'topology.kubernetes.io/zone'

/** Whether a pod has a place among endpoints: it has an address and may still serve. */
export function hasEndpoint(pod: Pod): boolean {
  return !isTerminal(pod) && addressesOf(pod).length > 0
}

export function addressesOf({ status }: Pod, family?: AddressFamily): readonly string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : [])
  return all.filter((ip) => ip && (family === undefined || familyOf(ip) === family))
}

export function familyOf(address: string): AddressFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

/** The families that a service's endpoints have; an old headless service that names none may have both. */
export function familiesOf({ spec }: Service): readonly AddressFamily[] {
  if (spec?.ipFamilies?.length)
    return spec.ipFamilies.filter((family) => family === 'IPv4' || family === 'IPv6')
  if (spec?.clusterIP && spec.clusterIP !== 'None') return [familyOf(spec.clusterIP)]
  return ['IPv4', 'IPv6']
}

/** The pod as an endpoint of the service; undefined when it has no address of the family. */
export function endpointOf(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  family: AddressFamily,
): Endpoint | undefined {
  const addresses = addressesOf(pod, family)
  if (addresses.length === 0) return undefined
  const serving = isReady(pod)
  const terminating = pod.metadata?.deletionTimestamp !== undefined
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating)
  const { nodeName } = pod.spec ?? {}
  const zone = node?.metadata?.labels?.[zoneLabel]
  const hostname = hostnameIn(pod, service)
  const hints = ready && !wantsTopologyHints(service) ? hintsOf(service, zone, nodeName) : undefined
  return {
    addresses: addresses.slice(0, 1),
    conditions: { ready, serving, terminating },
    ...(hostname && { hostname }),
    targetRef: { kind: 'Pod', ...identityOf(pod) },
    ...(nodeName && { nodeName }),
    ...(zone && { zone }),
    ...(hints && { hints }),
  }
}

/** Pods whose subdomain is the service have a name of their own in DNS. */
export function hostnameIn({ metadata, spec }: Pod, service: Service): string | undefined {
  const isMember =
    spec?.subdomain === service.metadata?.name && metadata?.namespace === service.metadata?.namespace
  return isMember ? spec?.hostname : undefined
}

/** Who should prefer the endpoint, where spec.trafficDistribution asks for that. */
function hintsOf(
  { spec }: Service,
  zone: string | undefined,
  nodeName: string | undefined,
): EndpointHints | undefined {
  switch (spec?.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone ? { forZones: [{ name: zone }] } : undefined
    case 'PreferSameNode':
      return {
        ...(zone && { forZones: [{ name: zone }] }),
        ...(nodeName && { forNodes: [{ name: nodeName }] }),
      }
    default:
      return undefined
  }
}
