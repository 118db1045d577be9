import { maxNodeScore, type NodeScore } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { PodInfo } from '../pod-info.ts'

export interface WeighedResource {
  readonly name: string
  readonly weight: number
}

/** How a node is scored by how much of it would be in use. Source: NodeResourcesFitArgs.scoringStrategy. */
export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio'
  readonly resources: readonly WeighedResource[]
  readonly requestedToCapacityRatio?: {
    /** Percent in use and score from 0 to 10, ascending: in between is interpolated. */
    readonly shape: readonly { readonly utilization: number; readonly score: number }[]
  }
}

/** What a node would have in use of a resource with the pod on it; undefined where the resource does not count. */
export function usage(
  name: string,
  pod: PodInfo,
  nodes: NodeTable,
  node: number,
  isScored: boolean,
): { readonly requested: number; readonly allocatable: number } | undefined {
  const allocatable = nodes.allocatableOf(name, node)
  if (allocatable === 0) return undefined
  if (isScored && name === 'cpu') return { allocatable, requested: nodes.scoredCpu[node]! + pod.scoredCpu }
  if (isScored && name === 'memory')
    return { allocatable, requested: nodes.scoredMemory[node]! + pod.scoredMemory }
  const own = pod.requests[name] ?? 0
  // Nodes are not told apart by an extended resource that the pod does not ask for.
  if (own === 0 && name.includes('/')) return undefined
  return { allocatable, requested: nodes.requestedOf(name, node) + own }
}

type ScoreResource = (requested: number, allocatable: number) => number

/** The score of each resource by the strategy, averaged by the resources' weights. */
export function createResourceScore(
  strategy: ScoringStrategy,
): (pod: PodInfo, nodes: NodeTable) => NodeScore {
  const score = scorerOf(strategy)
  const byShape = strategy.type === 'RequestedToCapacityRatio'
  return (pod, nodes) => ({
    raw(node) {
      let sum = 0
      let weights = 0
      for (const { name, weight } of strategy.resources) {
        const used = usage(name, pod, nodes, node, true)
        if (!used) continue
        const own = score(used.requested, used.allocatable)
        if (byShape && own === 0) continue
        sum += own * weight
        weights += weight
      }
      if (weights === 0) return 0
      return byShape ? Math.round(sum / weights) : Math.floor(sum / weights)
    },
  })
}

function scorerOf({ type, requestedToCapacityRatio }: ScoringStrategy): ScoreResource {
  switch (type) {
    case 'LeastAllocated':
      return (requested, allocatable) =>
        requested > allocatable ? 0 : Math.floor(((allocatable - requested) * maxNodeScore) / allocatable)
    case 'MostAllocated':
      return (requested, allocatable) =>
        Math.floor((Math.min(requested, allocatable) * maxNodeScore) / allocatable)
    case 'RequestedToCapacityRatio': {
      const shape = requestedToCapacityRatio?.shape ?? []
      return (requested, allocatable) =>
        interpolate(shape, requested > allocatable ? 100 : Math.floor((requested * 100) / allocatable))
    }
  }
}

function interpolate(
  shape: readonly { readonly utilization: number; readonly score: number }[],
  utilization: number,
): number {
  const factor = maxNodeScore / 10
  for (const [index, point] of shape.entries()) {
    if (utilization > point.utilization) continue
    const before = shape[index - 1]
    if (!before) return point.score * factor
    const rise = (point.score - before.score) * factor
    const run = point.utilization - before.utilization
    return before.score * factor + Math.trunc((rise * (utilization - before.utilization)) / run)
  }
  return (shape.at(-1)?.score ?? 0) * factor
}
