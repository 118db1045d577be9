import { maxNodeScore, type Plugin } from '../framework.ts'
import { amountsOf } from '../../api/core/pod-resources.ts'
import type { NodeTable } from '../nodes/node-table.ts'

/** The node has what the pod requests; nodes with more left are preferred (LeastAllocated, cpu and memory alike). */
export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  filter({ requests }, nodes) {
    const asked = Object.entries(requests).filter(([, amount]) => amount > 0)
    const columns = asked.map(([name, amount]) => ({
      name,
      amount,
      allocatable: nodes.allocatable.get(name),
      requested: nodes.requested.get(name),
    }))
    const podsAllowed = nodes.allocatable.get('pods')
    const podsPlaced = nodes.requested.get('pods')
    const lacks = ({ amount, allocatable, requested }: (typeof columns)[number], node: number) =>
      amount > (allocatable?.[node] ?? 0) - (requested?.[node] ?? 0)
    const isFull = (node: number) => (podsPlaced?.[node] ?? 0) + 1 > (podsAllowed?.[node] ?? 0)
    return {
      fits(node) {
        if (isFull(node)) return false
        for (const column of columns) if (lacks(column, node)) return false
        return true
      },
      refusal(node) {
        const lacking = columns.filter((column) => lacks(column, node))
        return {
          reasons: [
            ...(isFull(node) ? ['Too many pods'] : []),
            ...lacking.map(({ name }) => `Insufficient ${name}`),
          ],
          // More than the whole node has: no removal of pods helps.
          unresolvable: lacking.some(({ amount, allocatable }) => amount > (allocatable?.[node] ?? 0)),
        }
      },
    }
  },
  score({ scoredCpu, scoredMemory }, nodes) {
    return {
      raw(node) {
        const cpu = leastRequested(nodes.scoredCpu[node]! + scoredCpu, nodes.allocatableOf('cpu', node))
        const memory = leastRequested(
          nodes.scoredMemory[node]! + scoredMemory,
          nodes.allocatableOf('memory', node),
        )
        return Math.floor((cpu + memory) / 2)
      },
    }
  },
  mayHelp(change, { requests }) {
    switch (change.type) {
      case 'podRemoved':
      case 'nodeAdded':
      case 'podUpdated':
        return true
      case 'nodeUpdated': {
        const now = amountsOf(change.node.status?.allocatable)
        const before = amountsOf(change.previous.status?.allocatable)
        return Object.keys(now).some((name) => now[name]! > (before[name] ?? 0))
      }
      case 'podPlaced':
        // Scaled down in place.
        return (
          !!change.previous &&
          Object.keys(requests).some(
            (name) => (change.pod.requests[name] ?? 0) < (change.previous!.requests[name] ?? 0),
          )
        )
      case 'namespaceUpdated':
        return false
    }
  },
}

function leastRequested(requested: number, allocatable: number): number {
  if (allocatable === 0 || requested > allocatable) return 0
  return Math.floor(((allocatable - requested) * maxNodeScore) / allocatable)
}

/** Prefers nodes where cpu and memory would be used in like parts. */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  score({ requests }, nodes) {
    // A pod that requests nothing leaves the balance as it is.
    if (!requests.cpu && !requests.memory) return undefined
    return { raw: (node) => balance(requests.cpu ?? 0, requests.memory ?? 0, node, nodes) }
  },
}

function balance(cpu: number, memory: number, node: number, nodes: NodeTable): number {
  const cpuPart = part(nodes.requestedOf('cpu', node) + cpu, nodes.allocatableOf('cpu', node))
  const memoryPart = part(nodes.requestedOf('memory', node) + memory, nodes.allocatableOf('memory', node))
  const deviation = Math.abs(cpuPart - memoryPart) / 2
  return Math.floor((1 - deviation) * maxNodeScore)
}

function part(requested: number, allocatable: number): number {
  return allocatable === 0 ? 1 : Math.min(1, requested / allocatable)
}
