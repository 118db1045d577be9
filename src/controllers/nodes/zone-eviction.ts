import type { Node } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'

/**
 * How fast pods are driven off unhealthy nodes. When many nodes of a zone seem to fail at once, it is likelier that they
 * cannot be reached than that they are dead. Source: pkg/controller/nodelifecycle, with upstream's default rates.
 */
export type ZoneState = 'normal' | 'partialDisruption' | 'fullDisruption'

export interface ZoneCounts {
  readonly total: number
  readonly unhealthy: number
}

/** Nodes with this label count for no zone. */
const excludedLabel = 'node.kubernetes.io/exclude-disruption'

export function countZones(
  nodes: readonly Node[],
  nameOf: (node: Node) => string,
  isUnhealthy: (node: Node) => boolean,
): ReadonlyMap<string, ZoneCounts> {
  const zones = new Map<string, ZoneCounts>()
  for (const node of nodes) {
    if (node.metadata?.labels?.[excludedLabel] !== undefined) continue
    const { total, unhealthy } = zones.get(nameOf(node)) ?? { total: 0, unhealthy: 0 }
    zones.set(nameOf(node), { total: total + 1, unhealthy: unhealthy + (isUnhealthy(node) ? 1 : 0) })
  }
  return zones
}

/** Named as upstream's flags. */
export interface EvictionRates {
  /** Nodes per second whose pods may be driven off in a zone. Default 0.1. */
  readonly nodeEvictionRate: number
  /** The same in a partial disruption. Default 0.01. */
  readonly secondaryNodeEvictionRate: number
  /** The share of a zone's nodes that makes a partial disruption when they are unhealthy. Default 0.55. */
  readonly unhealthyZoneThreshold: number
  /** Zones up to this size stop evicting in a partial disruption. Default 50. */
  readonly largeClusterSizeThreshold: number
}

export const defaultEvictionRates: EvictionRates = {
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  unhealthyZoneThreshold: 0.55,
  largeClusterSizeThreshold: 50,
}

export function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata ?? {}
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`
}

export function zoneState(
  nodeCount: number,
  unhealthyCount: number,
  { unhealthyZoneThreshold } = defaultEvictionRates,
): ZoneState {
  if (unhealthyCount > 0 && unhealthyCount === nodeCount) return 'fullDisruption'
  return unhealthyCount > 2 && unhealthyCount / nodeCount >= unhealthyZoneThreshold
    ? 'partialDisruption'
    : 'normal'
}

/** Nodes per second whose pods may be driven off in a zone, while not all zones are fully disrupted. */
export function evictionRate(state: ZoneState, nodeCount: number, rates = defaultEvictionRates): number {
  if (state !== 'partialDisruption') return rates.nodeEvictionRate
  return nodeCount > rates.largeClusterSizeThreshold ? rates.secondaryNodeEvictionRate : 0
}

export interface EvictionLimiter {
  /** Takes one node's turn in the zone, if there is one now. */
  tryTake(zone: string, ratePerSecond: number): boolean
}

/** A bucket of one token per zone. */
export function createEvictionLimiter(clock: Clock): EvictionLimiter {
  const buckets = new Map<string, { readonly tokens: number; readonly atMs: number }>()
  return {
    tryTake(zone, ratePerSecond) {
      const now = clock.monotonic()
      const { tokens, atMs } = buckets.get(zone) ?? { tokens: 1, atMs: now }
      const filled = Math.min(1, tokens + ((now - atMs) / 1000) * ratePerSecond)
      const takes = ratePerSecond > 0 && filled >= 1
      buckets.set(zone, { tokens: takes ? filled - 1 : filled, atMs: now })
      return takes
    },
  }
}
