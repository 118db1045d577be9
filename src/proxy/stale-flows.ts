import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { canonicalAddress, type Family } from './addresses.ts'
import { endpointsOfPort } from './endpoints.ts'
import { isProxied, placesOf, servedFamilies, type ProxyNode } from './frontends.ts'

/*
 * UDP has no end that the kernel could see: a flow goes on to the endpoint it first went to, also when that is gone, and a
 * flow that began before the Service had rules goes on to nobody. Source: kubernetes/pkg/proxy/conntrack, cleanup.go.
 */

/** A UDP port of a Service in one family, with everyone whose flows may go on. */
export interface UdpPort {
  readonly family: Family
  readonly addresses: readonly string[]
  readonly port: number
  readonly nodePort?: number
  /** Addresses of endpoints that serve, ready or not, wherever they are: policies are for new flows. */
  readonly answerers: ReadonlySet<string>
}

/** The UDP ports of a Service. Those without endpoints are none: their packets are refused, and their flows end. */
export function udpPortsOf(service: Service, slices: readonly EndpointSlice[], node: ProxyNode): UdpPort[] {
  if (!isProxied(service)) return []
  const ports = (service.spec?.ports ?? []).filter(({ protocol }) => protocol === 'UDP')
  return ports.flatMap((port) =>
    servedFamilies(service).flatMap((family) => {
      const serving = endpointsOfPort(slices, port, family, node).filter(({ isServing }) => isServing)
      if (serving.length === 0) return []
      const { clusterIPs, externalIPs, balancerIPs } = placesOf(service, family)
      return {
        family,
        addresses: [...clusterIPs, ...externalIPs, ...balancerIPs],
        port: port.port,
        ...(port.nodePort && { nodePort: port.nodePort }),
        answerers: new Set(serving.map(({ address }) => address)),
      }
    }),
  )
}

/** What tells whether flows have to be looked at: the same text for the same ports and answerers. */
export function udpDigest(ports: readonly UdpPort[]): string {
  return ports
    .map(({ family, addresses, port, nodePort, answerers }) =>
      [family, addresses, port, nodePort, [...answerers].sort()].join(' '),
    )
    .join('\n')
}

/** Where a flow was sent, and who answers it. */
interface Flow {
  readonly to: string
  readonly port: string
  readonly answerer: string
}

/**
 * Arguments for conntrack that forget flows whose answerer serves no more, in what `conntrack -L -p udp` printed.
 * `isNodePortAddress` tells where node ports answer.
 */
export function staleFlows(
  listing: string,
  family: Family,
  ports: readonly UdpPort[],
  isNodePortAddress: (address: string) => boolean,
): string[][] {
  const byPlace = new Map<string, ReadonlySet<string>>()
  const byNodePort = new Map<string, ReadonlySet<string>>()
  for (const { family: ofPort, addresses, port, nodePort, answerers } of ports) {
    if (ofPort !== family) continue
    for (const address of addresses) byPlace.set(`${address} ${port}`, answerers)
    if (nodePort !== undefined) byNodePort.set(`${nodePort}`, answerers)
  }
  const stale = new Map<string, string[]>()
  for (const { to, port, answerer } of flowsIn(listing)) {
    const answerers =
      byPlace.get(`${to} ${port}`) ?? (isNodePortAddress(to) ? byNodePort.get(port) : undefined)
    if (!answerers || answerers.has(answerer)) continue
    const key = [to, port, answerer].join(' ')
    const version = family === 'IPv6' ? 'ipv6' : 'ipv4'
    const place = ['--orig-dst', to, '--orig-port-dst', port, '--reply-src', answerer]
    stale.set(key, ['-D', '-f', version, '-p', 'udp', ...place])
  }
  return [...stale.values()]
}

function flowsIn(listing: string): Flow[] {
  return listing.split('\n').flatMap((line) => {
    const values = (name: string) =>
      [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, value]) => value!)
    const to = canonicalAddress(values('dst')[0] ?? '')?.address
    const answerer = canonicalAddress(values('src')[1] ?? '')?.address
    const port = values('dport')[0]
    return to && answerer && port ? [{ to, port, answerer }] : []
  })
}
