import type { Node, Service } from '../../api/generated/core.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { quantityMilliValue } from '../../machinery/quantity.ts'

/** How much more than its share an endpoint may have to bear for the sake of near traffic. */
const overloadThreshold = 0.2
const zoneLabel = 'topology.kubernetes.io/zone'
const excludedLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']
const formerAnnotation = 'service.kubernetes.io/topology-aware-hints'
const annotation = 'service.kubernetes.io/topology-mode'

/** Whether endpoints of the service are shared out among zones by the size of the zones. */
export function wantsTopologyHints({ metadata }: Service): boolean {
  const value = metadata?.annotations?.[formerAnnotation] ?? metadata?.annotations?.[annotation]
  return value === 'Auto' || value === 'auto'
}

/** The share of each zone in the CPU of all ready nodes; undefined when it cannot be said, or for a single zone. */
export function zoneShares(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const byZone = new Map<string, number>()
  let total = 0
  for (const { metadata, status } of nodes) {
    const labels = metadata?.labels ?? {}
    if (excludedLabels.some((label) => labels[label] !== undefined)) continue
    if (status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') continue
    const zone = labels[zoneLabel]
    const cpu = quantityMilliValue(status.allocatable?.['cpu'] ?? '0')
    if (!zone || cpu === 0) return undefined
    byZone.set(zone, (byZone.get(zone) ?? 0) + cpu)
    total += cpu
  }
  if (byZone.size < 2) return undefined
  return new Map(Array.from(byZone, ([zone, cpu]) => [zone, cpu / total]))
}

/** A ready endpoint. */
export interface HintCandidate {
  readonly zone: string | undefined
  /** The zone that it has served so far. */
  readonly hint: string | undefined
}

export type HintPlan =
  /** The zone that each candidate is to serve, in their order, and how many each zone gets. */
  | {
      readonly type: 'hints'
      readonly zones: readonly string[]
      readonly counts: ReadonlyMap<string, number>
    }
  /** There is no fair share; worded as upstream's events. */
  | { readonly type: 'none'; readonly message: string }

/**
 * Shares endpoints out so that each zone has as many as its nodes need, most of them near. What an endpoint has served so far
 * it goes on to serve where that still fits. Source: k8s.io/endpointslice/topologycache.
 */
export function planHints(
  candidates: readonly HintCandidate[],
  shares: ReadonlyMap<string, number> | undefined,
): HintPlan {
  if (!shares) {
    const message =
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
    return { type: 'none', message }
  }
  const counted = `(${candidates.length} endpoints, ${shares.size} zones)`
  if (shares.size > candidates.length) {
    return { type: 'none', message: `Insufficient number of endpoints ${counted}` }
  }
  const allocations = allocate(candidates.length, shares)
  if (!allocations) {
    const message =
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold'
    return { type: 'none', message: `${message} ${counted}` }
  }
  const counts = new Map<string, number>()
  const count = (zone: string, by: number) => counts.set(zone, (counts.get(zone) ?? 0) + by)
  const zones: string[] = []
  const free: number[] = []
  for (const [index, { hint }] of candidates.entries()) {
    const allocation = hint === undefined ? undefined : allocations.get(hint)
    if (hint !== undefined && allocation && (counts.get(hint) ?? 0) < allocation.maximum) {
      zones[index] = hint
      count(hint, 1)
    } else free.push(index)
  }
  for (const index of free) {
    const { zone } = candidates[index]!
    if (!zone) return { type: 'none', message: 'One or more endpoints do not have a zone specified' }
    zones[index] = zone
    count(zone, 1)
  }
  for (const { from, to } of transfers(allocations, counts)) {
    const index = free.find((candidate) => zones[candidate] === from && candidates[candidate]!.zone === from)
    if (index === undefined) continue
    zones[index] = to
    count(from, -1)
    count(to, 1)
  }
  return { type: 'hints', zones, counts }
}

/** Whether a zone has too few of the endpoints for its share. */
export function isOverloaded(
  counts: ReadonlyMap<string, number>,
  shares: ReadonlyMap<string, number> | undefined,
): boolean {
  if (counts.size === 0) return false
  if (!shares) return true
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return [...shares].some(([zone, share]) => (counts.get(zone) ?? 0) < leastFor(total * share))
}

interface Allocation {
  readonly desired: number
  readonly maximum: number
}

function leastFor(desired: number): number {
  return Math.ceil(desired * (1 / (1 + overloadThreshold)))
}

/** Undefined when the least that zones need is more than there is. */
function allocate(
  total: number,
  shares: ReadonlyMap<string, number>,
): ReadonlyMap<string, Allocation> | undefined {
  const least = Array.from(shares, ([zone, share]) => ({
    zone,
    desired: share * total,
    minimum: leastFor(share * total),
  }))
  const spare = total - least.reduce((sum, { minimum }) => sum + minimum, 0)
  if (spare < 0) return undefined
  return new Map(
    least.map(({ zone, desired, minimum }) => [
      zone,
      { desired: Math.max(desired, minimum), maximum: minimum + spare },
    ]),
  )
}

/** Endpoints that one zone should leave to another: from whoever has most too many to whoever lacks most. */
function transfers(
  allocations: ReadonlyMap<string, Allocation>,
  counts: ReadonlyMap<string, number>,
): readonly { readonly from: string; readonly to: string }[] {
  const surplus = new Map(
    Array.from(allocations, ([zone, { desired }]) => [zone, (counts.get(zone) ?? 0) - desired] as const).sort(
      ([a], [b]) => compareGoStrings(a, b),
    ),
  )
  const found: { from: string; to: string }[] = []
  for (;;) {
    let [from, to] = ['', '']
    for (const [zone, amount] of surplus) {
      if (amount > (surplus.get(from) ?? 0)) from = zone
      if (amount < (surplus.get(to) ?? 0)) to = zone
    }
    const gives = surplus.get(from) ?? 0
    const takes = -(surplus.get(to) ?? 0)
    if (!from || !to || (gives < 1 && takes < 1) || gives < 0.5 || takes < 0.5) return found
    found.push({ from, to })
    surplus.set(from, gives - 1)
    surplus.set(to, 1 - takes)
  }
}
