import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import type { Family, ProxyNode } from './frontends.ts'

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

/** All endpoints of the port named `portName`, each once, in a stable order. */
export function endpointsOfPort(
  slices: readonly EndpointSlice[],
  portName: string,
  family: Family,
  node: ProxyNode,
): Endpoint[] {
  const endpoints = new Map<string, Endpoint>()
  for (const slice of slices) {
    if (slice.addressType !== family) continue
    const port = (slice.ports ?? []).find(({ name = '' }) => name === portName)?.port
    if (port === undefined) continue
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
      const isReady = conditions?.ready !== false
      const endpoint: Endpoint = {
        address: addresses[0]!,
        port,
        isLocal: nodeName === node.name,
        isElsewhere: nodeName !== undefined && nodeName !== node.name,
        isReady,
        isServing: conditions?.serving ?? isReady,
        isTerminating: conditions?.terminating === true,
        ...(hints?.forNodes && { nodes: hints.forNodes.map(({ name }) => name) }),
        ...(hints?.forZones && { zones: hints.forZones.map(({ name }) => name) }),
      }
      endpoints.set(`${endpoint.address}:${port}`, endpoint)
    }
  }
  return [...endpoints.values()].sort((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port,
  )
}

/** Policy Cluster: the ready ones, near ones first; while none is ready, those that still serve while they terminate. */
export function pickCluster(endpoints: readonly Endpoint[], node: ProxyNode): readonly Endpoint[] {
  const usable = readyOrLeaving(endpoints)
  return (
    nearby(usable, ({ nodes }) => nodes, node.name) ??
    nearby(usable, ({ zones }) => zones, node.zone) ??
    usable
  )
}

/** Policy Local: the same among those on this node. */
export function pickLocal(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return readyOrLeaving(endpoints.filter(({ isLocal }) => isLocal))
}

function readyOrLeaving(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter(({ isReady }) => isReady)
  return ready.length > 0
    ? ready
    : endpoints.filter(({ isServing, isTerminating }) => isServing && isTerminating)
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
