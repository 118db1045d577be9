import type { Random } from '../machinery/random.ts'
import type { NodeFilter, Refusal } from './framework.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { EnabledPlugin } from './plugins/order.ts'
import type { PodInfo } from './pod-info.ts'

/** Where a pod goes, or why it cannot go anywhere. */
export type Decision =
  | { readonly type: 'placed'; readonly node: number; readonly nodeName: string }
  | { readonly type: 'refused'; readonly diagnosis: Diagnosis }

/** Why no node fits. */
export interface Diagnosis {
  readonly nodeCount: number
  /** Per node that was refused. */
  readonly refusals: ReadonlyMap<number, Refusal>
  /** Plugins that refused some node. */
  readonly plugins: ReadonlySet<string>
}

export interface DecisionInput {
  readonly nodes: NodeTable
  readonly plugins: readonly EnabledPlugin[]
  readonly random: Random
  /** Pods that wait for room made for them: they count on their node as if they were there already. */
  readonly nominated?: readonly { readonly pod: PodInfo; readonly nodeName: string }[]
  /** Where the search for fitting nodes starts; moves on so that all nodes get their turn. */
  readonly cursor: { position: number }
}

/** A plugin's filter for the pod at hand. */
export interface ActiveFilter {
  readonly plugin: string
  readonly filter: NodeFilter
}

const enoughNodes = 100
const leastPercentage = 5

/** Chooses a node for one pod. Pure but for `cursor`: reads the table, writes nothing. */
export function decide(pod: PodInfo, input: DecisionInput): Decision {
  const { nodes } = input
  const filters = filtersFor(pod, input)
  const feasible = findFeasible(filters, input)
  if (feasible.nodes.length === 0) {
    const { refusals, plugins } = feasible
    return { type: 'refused', diagnosis: { nodeCount: nodes.size, refusals, plugins } }
  }
  const node = feasible.nodes.length === 1 ? feasible.nodes[0]! : best(pod, feasible.nodes, input)
  return { type: 'placed', node, nodeName: nodes.nodes[node]!.metadata?.name ?? '' }
}

/** What each plugin asks of a node for this pod. */
export function filtersFor(pod: PodInfo, { nodes, plugins, nominated = [] }: DecisionInput): ActiveFilter[] {
  const compile = () =>
    plugins.flatMap(({ plugin }) => {
      const filter = plugin.filter?.(pod, nodes)
      return filter ? [{ plugin: plugin.name, filter }] : []
    })
  const now = compile()
  const coming = nominated.filter((other) => other.pod.key !== pod.key && other.pod.priority >= pod.priority)
  if (coming.length === 0) return now
  // A node must do both with the nominated pods and without them: they may never arrive.
  return [...withPlaced(nodes, coming, compile), ...now]
}

/** Runs `during` while these pods count on their nodes. Filters made in it see them only for as long as they copied. */
function withPlaced(
  nodes: NodeTable,
  coming: readonly { readonly pod: PodInfo; readonly nodeName: string }[],
  compile: () => ActiveFilter[],
): ActiveFilter[] {
  for (const { pod, nodeName } of coming) nodes.addPod(pod, nodeName)
  try {
    const filters = compile()
    const verdicts = new Map(nodes.indexes.map((node) => [node, firstRefusal(filters, node)]))
    return [
      {
        plugin: 'NominatedPods',
        filter: {
          fits: (node) => verdicts.get(node) === undefined,
          refusal: (node) => verdicts.get(node)!.refusal,
        },
      },
    ]
  } finally {
    for (const { pod } of coming) nodes.removePod(pod.key)
  }
}

/** The first filter that refuses a node. */
export function firstRefusal(
  filters: readonly ActiveFilter[],
  node: number,
): { readonly plugin: string; readonly refusal: Refusal } | undefined {
  for (const { plugin, filter } of filters) {
    if (!filter.fits(node)) return { plugin, refusal: filter.refusal(node) }
  }
  return undefined
}

interface Feasible {
  readonly nodes: number[]
  readonly refusals: Map<number, Refusal>
  readonly plugins: Set<string>
}

/** Looks at nodes from the cursor on, until enough fit. */
function findFeasible(filters: readonly ActiveFilter[], { nodes, cursor }: DecisionInput): Feasible {
  const found: Feasible = { nodes: [], refusals: new Map(), plugins: new Set() }
  const restricting = filters.find(({ filter }) => filter.only)
  const candidates = restricting?.filter.only ?? nodes.indexes
  const wanted = nodesWanted(candidates.length)
  let looked = 0
  for (; looked < candidates.length && found.nodes.length < wanted; looked++) {
    const node = candidates[(cursor.position + looked) % candidates.length]!
    const refused = filters.find(({ filter }) => !filter.fits(node))
    if (!refused) {
      found.nodes.push(node)
      continue
    }
    found.refusals.set(node, refused.filter.refusal(node))
    found.plugins.add(refused.plugin)
  }
  if (candidates.length > 0) cursor.position = (cursor.position + looked) % candidates.length
  if (restricting && found.nodes.length === 0) refuseOthers(restricting, nodes, found)
  return found
}

function refuseOthers({ plugin, filter }: ActiveFilter, nodes: NodeTable, found: Feasible): void {
  found.plugins.add(plugin)
  for (const node of nodes.indexes) {
    if (!found.refusals.has(node)) found.refusals.set(node, filter.refusal(node))
  }
}

/** All of a small cluster, a share of a large one: looking further hardly finds better nodes. Upstream's numbers. */
function nodesWanted(count: number): number {
  if (count < enoughNodes) return count
  const percentage = Math.max(leastPercentage, 50 - Math.floor(count / 125))
  return Math.max(enoughNodes, Math.floor((count * percentage) / 100))
}

/** The node with the greatest weighted sum of scores; any one of several. */
function best(pod: PodInfo, feasible: readonly number[], { nodes, plugins, random }: DecisionInput): number {
  const totals = new Float64Array(feasible.length)
  const scores = new Float64Array(feasible.length)
  for (const { plugin, weight } of plugins) {
    const score = weight > 0 ? plugin.score?.(pod, nodes) : undefined
    if (!score) continue
    for (let index = 0; index < feasible.length; index++) scores[index] = score.raw(feasible[index]!)
    score.finish?.(scores, feasible)
    for (let index = 0; index < feasible.length; index++) totals[index]! += weight * scores[index]!
  }
  let chosen = 0
  let equals = 1
  for (let index = 1; index < feasible.length; index++) {
    if (totals[index]! > totals[chosen]!) {
      chosen = index
      equals = 1
    } else if (totals[index] === totals[chosen] && random.next() * ++equals < 1) {
      chosen = index
    }
  }
  return feasible[chosen]!
}
