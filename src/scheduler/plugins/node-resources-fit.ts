import { amountsOf, type Amounts } from '../../api/core/pod-resources.ts'
import { deviceClasses } from '../../api/generated/resources.ts'
import type { Plugin, PluginHandle, Refusal } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import type { ExtendedResourceClasses } from './devices/device-classes.ts'
import { createResourceScore, type ScoringStrategy } from './resource-score.ts'

export interface NodeResourcesFitArgs {
  readonly scoringStrategy: ScoringStrategy
  /** Extended resources that do not decide where a pod fits. */
  readonly ignoredResources?: readonly string[]
  /** The same by what stands before the slash. */
  readonly ignoredResourceGroups?: readonly string[]
}

export const nodeResourcesFitArgs: NodeResourcesFitArgs = {
  scoringStrategy: {
    type: 'LeastAllocated',
    resources: [
      { name: 'cpu', weight: 1 },
      { name: 'memory', weight: 1 },
    ],
  },
}

/** What a pod asks for, with what nodes have and give of it. */
interface Asked {
  readonly name: string
  readonly amount: number
  readonly allocatable: Float64Array
  readonly requested: Float64Array
  /** Nodes that have none of it may have devices that serve it. */
  readonly isServedByDevices: boolean
}

const tooManyPods = 1
const unresolvable = 2

/** The node has what the pod requests; nodes are preferred by how much of them is in use. */
export function createNodeResourcesFit(
  args: NodeResourcesFitArgs,
  classOfExtended: ExtendedResourceClasses = () => undefined,
  cluster?: Pick<PluginHandle, 'nodes' | 'nominated'>,
): Plugin {
  const { scoringStrategy, ignoredResources = [], ignoredResourceGroups = [] } = args
  const isIgnored = (name: string) =>
    name.includes('/') &&
    (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))))

  /** Whether a node has what the pod asks for, beside what it keeps for others. */
  function hasRoom(pod: PodInfo, nodeName: string): boolean {
    if (!cluster) return true
    const { nodes, nominated } = cluster
    const node = nodes.indexOf(nodeName)
    if (node === undefined) return false
    const coming = nominated.before(pod, nodeName)
    if (nodes.requestedOf('pods', node) + coming.length + 1 > nodes.allocatableOf('pods', node)) return false
    for (const name in pod.requests) {
      const amount = pod.requests[name]!
      if (amount === 0 || isIgnored(name)) continue
      const allocatable = nodes.allocatableOf(name, node)
      if (allocatable === 0 && classOfExtended(name) !== undefined) continue
      let requested = nodes.requestedOf(name, node)
      for (const other of coming) requested += other.requests[name] ?? 0
      if (amount > allocatable - requested) return false
    }
    return true
  }

  return {
    name: 'NodeResourcesFit',
    filter({ requests }, nodes) {
      const asked = Object.entries(requests)
        .filter(([name, amount]) => amount > 0 && !isIgnored(name))
        .map(([name, amount]): Asked => ({
          name,
          amount,
          allocatable: nodes.allocatableColumn(name),
          requested: nodes.requestedColumn(name),
          isServedByDevices: classOfExtended(name) !== undefined,
        }))
      const podsAllowed = nodes.allocatableColumn('pods')
      const podsPlaced = nodes.requestedColumn('pods')
      const isFull = (node: number) => podsPlaced[node]! + 1 > podsAllowed[node]!
      const refusals = new Map<number, Refusal>()
      return {
        localKey: asked
          .map(({ name, amount, isServedByDevices }) => `${name} ${amount} ${isServedByDevices}`)
          .join(),
        fits(node) {
          if (isFull(node)) return false
          for (const each of asked) if (lacks(each, node)) return false
          return true
        },
        refusal(node) {
          // One bit for each cause: most nodes of a full cluster share one refusal.
          let causes = isFull(node) ? tooManyPods : 0
          asked.forEach((each, index) => {
            if (!lacks(each, node)) return
            causes |= 4 << index
            // More than the whole node has: no removal of pods helps.
            if (each.amount > each.allocatable[node]!) causes |= unresolvable
          })
          let refusal = refusals.get(causes)
          if (!refusal) refusals.set(causes, (refusal = refusalOf(causes, asked)))
          return refusal
        },
      }
    },
    score: createResourceScore(scoringStrategy),
    mayHelp(change, pod) {
      const { requests } = pod
      switch (change.type) {
        case 'podRemoved':
          return hasRoom(pod, change.nodeName)
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
          return !!change.previous && freesSome(requests, change.previous, change.pod)
        case 'objectChanged':
          return change.resource.resource === deviceClasses.resource
        case 'namespaceUpdated':
          return false
      }
    },
  }
}

function lacks({ amount, allocatable, requested, isServedByDevices }: Asked, node: number): boolean {
  if (isServedByDevices && allocatable[node] === 0) return false
  return amount > allocatable[node]! - requested[node]!
}

function refusalOf(causes: number, asked: readonly Asked[]): Refusal {
  const lacking = asked.filter((_, index) => causes & (4 << index))
  return {
    reasons: [
      ...(causes & tooManyPods ? ['Too many pods'] : []),
      ...lacking.map(({ name }) => `Insufficient ${name}`),
    ],
    unresolvable: (causes & unresolvable) !== 0,
  }
}

function freesSome(wanted: Amounts, previous: PodInfo, next: PodInfo): boolean {
  return Object.keys(wanted).some((name) => (next.requests[name] ?? 0) < (previous.requests[name] ?? 0))
}
