import type { Service } from '../../api/generated/core.v1.ts'
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { endpointIdentity } from './plan-slices.ts'
import type { AddressFamily } from './pod-endpoint.ts'
import { isOverloaded, planHints, wantsTopologyHints, zoneShares } from './topology-hints.ts'

/** Shares endpoints of services out among zones, where services ask for that, and remembers how. */
export interface ServiceHints {
  /** The endpoints (of one family) with hints at the zones that they are for; as they are where there is no fair share. */
  assign(
    service: Service,
    family: AddressFamily,
    endpoints: readonly Endpoint[],
    existing: readonly EndpointSlice[],
    context: ReconcileContext,
  ): readonly Endpoint[]
  forget(key: string): void
  /** Keys of the services whose endpoints are no longer fairly shared out, since nodes have changed. */
  overloaded(context: ReconcileContext): readonly string[]
}

export function createServiceHints(): ServiceHints {
  /** By service and family: how many endpoints each zone has. */
  const assigned = new Map<string, Map<AddressFamily, ReadonlyMap<string, number>>>()
  /** Whether hints were given, or given up, last. */
  const enabled = new Set<string>()

  function giveUp(key: string, family: AddressFamily): void {
    const families = assigned.get(key)
    families?.delete(family)
    if (families?.size === 0) assigned.delete(key)
    enabled.delete(key)
  }

  return {
    assign(service, family, endpoints, existing, { cache, events }) {
      const key = keyOf(service)
      const disabled = (message: string) =>
        events.event(service, 'Warning', 'TopologyAwareHintsDisabled', `${message}, addressType: ${family}`)
      if (!wantsTopologyHints(service)) {
        if (enabled.has(key)) disabled('Topology Aware Hints has been disabled')
        giveUp(key, family)
        return endpoints
      }
      const held = heldHints(existing)
      const ready = endpoints.filter(({ conditions }) => conditions?.ready)
      const candidates = ready.map((endpoint) => ({
        zone: endpoint.zone,
        hint: held.get(endpointIdentity(endpoint)),
      }))
      const plan = planHints(candidates, zoneShares(cache(nodes).list()))
      if (plan.type === 'none') {
        disabled(plan.message)
        giveUp(key, family)
        return endpoints
      }
      if (!enabled.has(key)) {
        const message = `Topology Aware Hints has been enabled, addressType: ${family}`
        events.event(service, 'Normal', 'TopologyAwareHintsEnabled', message)
      }
      enabled.add(key)
      assigned.set(key, (assigned.get(key) ?? new Map()).set(family, plan.counts))
      const zones = new Map(ready.map((endpoint, index) => [endpoint, plan.zones[index]!]))
      return endpoints.map((endpoint) => {
        const name = zones.get(endpoint)
        return name === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name }] } }
      })
    },
    forget(key) {
      assigned.delete(key)
      enabled.delete(key)
    },
    overloaded({ cache }) {
      if (assigned.size === 0) return []
      const shares = zoneShares(cache(nodes).list())
      return [...assigned]
        .filter(([, families]) => [...families.values()].some((counts) => isOverloaded(counts, shares)))
        .map(([key]) => key)
    },
  }
}

function heldHints(slices: readonly EndpointSlice[]): ReadonlyMap<string, string> {
  const held = new Map<string, string>()
  for (const endpoint of slices.flatMap(({ endpoints }) => endpoints ?? [])) {
    const [zone, ...others] = endpoint.hints?.forZones ?? []
    if (zone && others.length === 0) held.set(endpointIdentity(endpoint), zone.name)
  }
  return held
}
