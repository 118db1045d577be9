import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { canonicalAddress, type Family } from './addresses.ts'
import type { ProxyNode } from './frontends.ts'

/** One address and port that may answer for a Service port. */
export interface Endpoint {
  readonly address: string
  readonly port: number
  /** On this node. */
  readonly isLocal: boolean
  /** On another node. Endpoints that somebody writes by hand need not say where they are. */
  readonly isElsewhere: boolean
  readonly isReady: boolean
  /** Still answers while it terminates. */
  readonly isServing: boolean
  readonly isTerminating: boolean
  /** Nodes and zones that the endpoint slice controller gave it to; absent without hints. */
  readonly nodes?: readonly string[]
  readonly zones?: readonly string[]
}

/** What a Service port and a port of an EndpointSlice have in common. */
export interface PortIdentity {
  readonly name?: string
  /** Default TCP. */
  readonly protocol?: string
}

/** All endpoints of the port, each once, in a stable order. Where slices disagree, the word of this node's counts. */
export function endpointsOfPort(
  slices: readonly EndpointSlice[],
  { name: portName = '', protocol: portProtocol = 'TCP' }: PortIdentity,
  family: Family,
  node: ProxyNode,
): Endpoint[] {
  const endpoints = new Map<string, Endpoint>()
  for (const slice of slices) {
    if (slice.addressType !== family) continue
    const port = (slice.ports ?? []).find(
      ({ name = '', protocol = 'TCP' }) => name === portName && protocol === portProtocol,
    )?.port
    if (!port) continue
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
      const found = canonicalAddress(addresses[0] ?? '')
      if (found?.family !== family) continue
      const isLocal = nodeName === node.name
      const key = `${found.address}:${port}`
      if (endpoints.has(key) && !isLocal) continue
      endpoints.set(key, {
        address: found.address,
        port,
        isLocal,
        isElsewhere: nodeName !== undefined && nodeName !== node.name,
        isReady: conditions?.ready !== false,
        isServing: conditions?.serving !== false,
        isTerminating: conditions?.terminating === true,
        ...(hints?.forNodes && { nodes: hints.forNodes.map(({ name }) => name) }),
        ...(hints?.forZones && { zones: hints.forZones.map(({ name }) => name) }),
      })
    }
  }
  return [...endpoints.values()].sort((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port,
  )
}

/**
 * Policy Cluster: the ready ones, near ones first; while none is ready, those that still serve while they terminate,
 * wherever they are.
 */
export function pickCluster(endpoints: readonly Endpoint[], node: ProxyNode): readonly Endpoint[] {
  const ready = endpoints.filter(({ isReady }) => isReady)
  if (ready.length === 0) return leaving(endpoints)
  return (
    nearby(ready, ({ nodes }) => nodes, node.name) ?? nearby(ready, ({ zones }) => zones, node.zone) ?? ready
  )
}

/** Policy Local: the same among those on this node. */
export function pickLocal(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const local = endpoints.filter(({ isLocal }) => isLocal)
  const ready = local.filter(({ isReady }) => isReady)
  return ready.length > 0 ? ready : leaving(local)
}

function leaving(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints.filter(({ isServing, isTerminating }) => isServing && isTerminating)
}

/** Hints count only when every endpoint has one and one names this place; otherwise endpoints would get no traffic. */
function nearby(
  endpoints: readonly Endpoint[],
  places: (endpoint: Endpoint) => readonly string[] | undefined,
  place: string | undefined,
): readonly Endpoint[] | undefined {
  if (place === undefined || !endpoints.every((endpoint) => places(endpoint)?.length)) return undefined
  const near = endpoints.filter((endpoint) => places(endpoint)?.includes(place))
  return near.length > 0 ? near : undefined
}
