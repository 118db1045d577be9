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

/** A resource that counts for a pod, with what nodes would have in use of it. */
export interface Usage {
  readonly allocatable: Float64Array
  readonly requested: Float64Array
  /** What the pod adds. */
  readonly own: number
}

/** How much of a resource is in use; undefined where it does not count. For scores, idle containers count too. */
export function usageOf(name: string, pod: PodInfo, nodes: NodeTable, isScored: boolean): Usage | undefined {
  const allocatable = nodes.allocatableColumn(name)
  if (isScored && name === 'cpu') return { allocatable, requested: nodes.scoredCpu, own: pod.scoredCpu }
  if (isScored && name === 'memory')
    return { allocatable, requested: nodes.scoredMemory, own: pod.scoredMemory }
  const own = pod.requests[name] ?? 0
  // Nodes are not told apart by an extended resource that the pod does not ask for.
  if (own === 0 && name.includes('/')) return undefined
  return { allocatable, requested: nodes.requestedColumn(name), own }
}

type ScoreResource = (requested: number, allocatable: number) => number

/** The score of each resource by the strategy, averaged by the resources' weights. */
export function createResourceScore(
  strategy: ScoringStrategy,
): (pod: PodInfo, nodes: NodeTable) => NodeScore {
  const score = scorerOf(strategy)
  const byShape = strategy.type === 'RequestedToCapacityRatio'
  return (pod, nodes) => {
    const used = strategy.resources.flatMap(({ name, weight }) => {
      const usage = usageOf(name, pod, nodes, true)
      return usage ? [{ ...usage, weight }] : []
    })
    return {
      raw(node) {
        let sum = 0
        let weights = 0
        for (const { allocatable, requested, own, weight } of used) {
          if (allocatable[node] === 0) continue
          const part = score(requested[node]! + own, allocatable[node]!)
          if (byShape && part === 0) continue
          sum += part * weight
          weights += weight
        }
        if (weights === 0) return 0
        return byShape ? Math.round(sum / weights) : Math.floor(sum / weights)
      },
    }
  }
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
