import { maxNodeScore, type Plugin } from '../framework.ts'
import { usageOf, type Usage, type WeighedResource } from './resource-score.ts'

export interface NodeResourcesBalancedAllocationArgs {
  readonly resources: readonly WeighedResource[]
}

export const nodeResourcesBalancedAllocationArgs: NodeResourcesBalancedAllocationArgs = {
  resources: [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ],
}

/** Prefers nodes whose resources would be used in like parts. */
export function createNodeResourcesBalancedAllocation(args: NodeResourcesBalancedAllocationArgs): Plugin {
  const names = args.resources.map(({ name }) => name)
  return {
    name: 'NodeResourcesBalancedAllocation',
    score(pod, nodes) {
      // A pod that requests nothing leaves the balance as it is.
      if (!names.some((name) => pod.requests[name])) return undefined
      const used = names.flatMap((name) => usageOf(name, pod, nodes, false) ?? [])
      return { raw: (node) => Math.floor((1 - deviation(used, node)) * maxNodeScore) }
    },
  }
}

/** The standard deviation of the parts of the resources that would be in use. */
function deviation(used: readonly Usage[], node: number): number {
  let count = 0
  let sum = 0
  let squares = 0
  for (const { allocatable, requested, own } of used) {
    if (allocatable[node] === 0) continue
    const part = Math.min(1, (requested[node]! + own) / allocatable[node]!)
    count++
    sum += part
    squares += part * part
  }
  if (count < 2) return 0
  const mean = sum / count
  return Math.sqrt(Math.max(0, squares / count - mean * mean))
}
