import { maxNodeScore, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { PodInfo } from '../pod-info.ts'
import { usage, type WeighedResource } from './resource-score.ts'

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
      return { raw: (node) => Math.floor((1 - deviation(names, pod, nodes, node)) * maxNodeScore) }
    },
  }
}

/** The standard deviation of the parts of the resources that would be in use. */
function deviation(names: readonly string[], pod: PodInfo, nodes: NodeTable, node: number): number {
  let count = 0
  let sum = 0
  let squares = 0
  for (const name of names) {
    const used = usage(name, pod, nodes, node, false)
    if (!used) continue
    const part = Math.min(1, used.requested / used.allocatable)
    count++
    sum += part
    squares += part * part
  }
  if (count < 2) return 0
  const mean = sum / count
  return Math.sqrt(Math.max(0, squares / count - mean * mean))
}
