import type { Random } from '../machinery/random.ts'
import type { NodeFilter, Refusal } from './framework.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { NominatedPods } from './nominated-pods.ts'
import { pluginsAt, type Profile } from './profile.ts'
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
  /** Set when the pod itself was refused, before any node was looked at. */
  readonly podRefusal?: Refusal
  /** Plugins that refused some node, or the pod. */
  readonly plugins: ReadonlySet<string>
}

export interface DecisionInput {
  readonly nodes: NodeTable
  readonly profile: Profile
  readonly random: Random
  readonly nominated: NominatedPods
  /** Where the search for fitting nodes starts; moves on so that all nodes get their turn. */
  readonly cursor: { position: number }
}

/** The nodes that fit, or why none does. */
export type Search =
  | {
      readonly type: 'found'
      readonly feasible: readonly number[]
      readonly refusals: ReadonlyMap<number, Refusal>
    }
  | { readonly type: 'refused'; readonly diagnosis: Diagnosis }

const enoughNodes = 100
const leastPercentage = 5

/** Chooses a node for one pod. Pure but for `cursor`: leaves the table as it was. */
export function decide(pod: PodInfo, input: DecisionInput): Decision {
  const search = findNodes(pod, input)
  if (search.type === 'refused') return search
  const node = chooseNode(pod, search.feasible, input)
  return { type: 'placed', node, nodeName: nameOf(node, input.nodes) }
}

/** Asks of single nodes what a pod's filters say, nominated pods considered. */
export interface NodeChecker {
  check(node: number): { readonly plugin: string; readonly refusal: Refusal } | undefined
  /** When set, only these nodes can fit, by the word of this plugin. */
  readonly restriction?: {
    readonly plugin: string
    readonly filter: NodeFilter
    readonly only: readonly number[]
  }
}

interface ActiveFilter {
  readonly plugin: string
  readonly filter: NodeFilter
}

type Compiled = readonly ActiveFilter[] | { readonly plugin: string; readonly refusal: Refusal }

/** What each plugin asks of a node for this pod, or the first refusal of the pod itself. */
function compile(pod: PodInfo, { nodes, profile }: DecisionInput): Compiled {
  const filters: ActiveFilter[] = []
  for (const plugin of pluginsAt(profile, 'filter')) {
    const filter = plugin.filter?.(pod, nodes)
    if (!filter) continue
    if ('refusesPod' in filter) return { plugin: plugin.name, refusal: filter.refusesPod }
    filters.push({ plugin: plugin.name, filter })
  }
  return filters
}

/** A checker of nodes as the table is now; checkers of changed tables are made by `recheck`. */
export function createChecker(
  pod: PodInfo,
  input: DecisionInput,
): NodeChecker | { readonly plugin: string; readonly refusal: Refusal } {
  const { nodes, nominated } = input
  const compiled = compile(pod, input)
  if ('refusal' in compiled) return compiled
  const filters = compiled
  const restricting = filters.find(({ filter }) => filter.only)
  const isSnapshot = filters.some(({ filter }) => filter.isSnapshot)

  /** A node must do both with the nominated pods and without them: they may never arrive. */
  function withNominated(node: number, nodeName: string) {
    const coming = nominated.before(pod, nodeName)
    if (coming.length === 0) return undefined
    for (const other of coming) nodes.addPod(other, nodeName)
    try {
      const now = isSnapshot ? compile(pod, input) : filters
      return 'refusal' in now ? now : firstRefusal(now, node)
    } finally {
      for (const { key } of coming) nodes.removePod(key)
    }
  }

  return {
    check(node) {
      const refused = nominated.size > 0 ? withNominated(node, nameOf(node, nodes)) : undefined
      return refused ?? firstRefusal(filters, node)
    },
    ...(restricting && { restriction: { ...restricting, only: restricting.filter.only! } }),
  }
}

/** A function that checks nodes of a table whose pods change between its calls. */
export function createRechecker(pod: PodInfo, input: DecisionInput): (node: number) => Refusal | undefined {
  const first = compile(pod, input)
  const isSnapshot = 'refusal' in first || first.some(({ filter }) => filter.isSnapshot)
  const refusalOf = (compiled: Compiled, node: number) =>
    'refusal' in compiled ? compiled.refusal : firstRefusal(compiled, node)?.refusal
  return (node) => {
    const nodeName = nameOf(node, input.nodes)
    const coming = input.nominated.size > 0 ? input.nominated.before(pod, nodeName) : []
    for (const other of coming) input.nodes.addPod(other, nodeName)
    try {
      return refusalOf(isSnapshot ? compile(pod, input) : first, node)
    } finally {
      for (const { key } of coming) input.nodes.removePod(key)
    }
  }
}

function firstRefusal(
  filters: readonly ActiveFilter[],
  node: number,
): { readonly plugin: string; readonly refusal: Refusal } | undefined {
  for (const { plugin, filter } of filters) {
    if (!filter.fits(node)) return { plugin, refusal: filter.refusal(node) }
  }
  return undefined
}

/** Looks at nodes from the cursor on, until enough fit. */
export function findNodes(pod: PodInfo, input: DecisionInput): Search {
  const { nodes, cursor, profile } = input
  const nodeCount = nodes.size
  const checker = createChecker(pod, input)
  if ('refusal' in checker) {
    const { plugin, refusal } = checker
    const refusals = new Map(nodes.indexes.map((node) => [node, refusal]))
    return {
      type: 'refused',
      diagnosis: { nodeCount, refusals, podRefusal: refusal, plugins: new Set([plugin]) },
    }
  }
  const nominatedNode = nominatedNodeOf(pod, nodes)
  if (nominatedNode !== undefined && !checker.check(nominatedNode)) {
    return { type: 'found', feasible: [nominatedNode], refusals: new Map() }
  }
  const feasible: number[] = []
  const refusals = new Map<number, Refusal>()
  const plugins = new Set<string>()
  const { restriction } = checker
  const candidates = restriction?.only ?? nodes.indexes
  const wanted = nodesWanted(candidates.length, profile.percentageOfNodesToScore)
  let looked = 0
  for (; looked < candidates.length && feasible.length < wanted; looked++) {
    const node = candidates[(cursor.position + looked) % candidates.length]!
    const refused = checker.check(node)
    if (!refused) {
      feasible.push(node)
      continue
    }
    refusals.set(node, refused.refusal)
    plugins.add(refused.plugin)
  }
  if (candidates.length > 0) cursor.position = (cursor.position + looked) % candidates.length
  if (feasible.length > 0) return { type: 'found', feasible, refusals }
  if (restriction) {
    plugins.add(restriction.plugin)
    for (const node of nodes.indexes) {
      if (!refusals.has(node)) refusals.set(node, restriction.filter.refusal(node))
    }
  }
  return { type: 'refused', diagnosis: { nodeCount, refusals, plugins } }
}

/** Where room was made for the pod: that node is taken when it fits, whatever others may offer. */
function nominatedNodeOf({ pod }: PodInfo, nodes: NodeTable): number | undefined {
  const name = pod.status?.nominatedNodeName
  return name ? nodes.indexOf(name) : undefined
}

/** All of a small cluster, a share of a large one: looking further hardly finds better nodes. Upstream's numbers. */
function nodesWanted(count: number, givenPercentage: number): number {
  if (count < enoughNodes) return count
  const adaptive = Math.max(leastPercentage, 50 - Math.floor(count / 125))
  const percentage = givenPercentage === 0 ? adaptive : givenPercentage
  return Math.max(enoughNodes, Math.floor((count * percentage) / 100))
}

/**
 * The node with the greatest weighted sum of scores; any one of several. `extra` is added to the plugins' sums, in the
 * order of `feasible`.
 */
export function chooseNode(
  pod: PodInfo,
  feasible: readonly number[],
  { nodes, profile, random }: DecisionInput,
  extra?: Float64Array,
): number {
  if (feasible.length === 1) return feasible[0]!
  const totals = extra ?? new Float64Array(feasible.length)
  const scores = new Float64Array(feasible.length)
  for (const { plugin, weight } of profile.points.score) {
    const score = plugin.score?.(pod, nodes, feasible)
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

export function nameOf(node: number, nodes: NodeTable): string {
  return nodes.nodes[node]!.metadata?.name ?? ''
}
