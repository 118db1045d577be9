import type { Random } from '../machinery/random.ts'
import type { Failure, NodeRefusals, Refusal } from './framework.ts'
import { createChecker, nameOf, type CheckerInput, type NodeChecker } from './node-checker.ts'
import type { NodeVerdicts, Verdict } from './nodes/node-verdicts.ts'
import type { PodInfo } from './pod-info.ts'

/** Where a pod goes, or why it cannot go anywhere. */
export type Decision =
  | { readonly type: 'placed'; readonly node: number; readonly nodeName: string }
  | { readonly type: 'refused'; readonly diagnosis: Diagnosis }

/** Why no node fits. */
export interface Diagnosis {
  readonly nodeCount: number
  readonly refusals: NodeRefusals
  /** Set when the pod itself was refused, before any node was looked at. */
  readonly podRefusal?: Refusal
  /** Which plugin did that. */
  readonly podRefusedBy?: string
  /** Plugins that refused some node, or the pod. */
  readonly plugins: ReadonlySet<string>
}

export interface DecisionInput extends CheckerInput {
  readonly random: Random
  /** Where the search for fitting nodes starts; moves on so that all nodes get their turn. */
  readonly cursor: { position: number }
}

/** The nodes that fit, or why none does. */
export type Search =
  | {
      readonly type: 'found'
      readonly feasible: readonly number[]
      readonly refusals: NodeRefusals
      readonly checker: NodeChecker
    }
  | {
      readonly type: 'refused'
      readonly diagnosis: Diagnosis
      /** Undefined when the pod itself was refused. */
      readonly checker: NodeChecker | undefined
    }

const enoughNodes = 100
const leastPercentage = 5

/** Chooses a node for one pod. Pure but for `cursor`: leaves the table as it was. */
export function decide(pod: PodInfo, input: DecisionInput): Decision {
  const search = findNodes(pod, input)
  if (search.type === 'refused') return search
  const node = chooseNode(pod, search.feasible, input)
  return { type: 'placed', node, nodeName: nameOf(node, input.nodes) }
}

/** What post-filters are told of a pod that no node fits. `checker` is the search's own. */
export function failureOf(
  pod: PodInfo,
  { refusals, nodeCount, podRefusedBy }: Pick<Diagnosis, 'refusals' | 'nodeCount' | 'podRefusedBy'>,
  checker: NodeChecker | undefined,
  input: CheckerInput,
): Failure {
  const check = (node: number) => {
    const current = checker ?? createChecker(pod, input)
    return 'refusal' in current ? current.refusal : current.recheck(node)?.refusal
  }
  return {
    refusals,
    nodeCount,
    check,
    ...(podRefusedBy && { podRefusedBy }),
    ...(checker?.findings && { findings: checker.findings }),
  }
}

/** Looks at nodes from the cursor on, until enough fit. */
export function findNodes(pod: PodInfo, input: DecisionInput): Search {
  const { nodes, cursor, profile } = input
  const nodeCount = nodes.size
  const checker = createChecker(pod, input)
  if ('refusal' in checker) {
    const { plugin, refusal } = checker
    const refusals = { of: () => refusal, counts: () => [[refusal, nodeCount] as const] }
    const plugins = new Set([plugin])
    const diagnosis = { nodeCount, refusals, podRefusal: refusal, podRefusedBy: plugin, plugins }
    return { type: 'refused', diagnosis, checker: undefined }
  }
  const nominatedNode = nominatedNodeOf(pod, input)
  if (nominatedNode !== undefined && !checker.check(nominatedNode)) {
    return { type: 'found', feasible: [nominatedNode], refusals: new SearchRefusals(), checker }
  }
  const { restriction, verdicts } = checker
  const feasible: number[] = []
  const closed: number[] = []
  const refused: number[] = []
  const candidates = restriction?.only ?? verdicts?.open ?? nodes.indexes
  const wanted = nodesWanted(restriction ? candidates.length : nodeCount, profile.percentageOfNodesToScore)
  let looked = 0
  let position = candidates.length > 0 ? cursor.position % candidates.length : 0
  for (; looked < candidates.length && feasible.length < wanted; looked++) {
    const node = candidates[position]!
    if (++position === candidates.length) position = 0
    if (checker.fits(node)) feasible.push(node)
    else if (verdicts?.of(node)) closed.push(node)
    else refused.push(node)
  }
  if (candidates.length > 0) cursor.position = position
  verdicts?.close(closed)
  const refusals = new SearchRefusals(verdicts, refused, checker)
  if (feasible.length > 0) return { type: 'found', feasible, refusals, checker }
  if (restriction) {
    const { plugin, filter } = restriction
    for (const node of nodes.indexes) {
      if (!refusals.of(node)) refusals.add(node, { plugin, refusal: filter.refusal(node) })
    }
  }
  return { type: 'refused', diagnosis: { nodeCount, refusals, plugins: refusals.plugins() }, checker }
}

/** What is known of nodes beforehand, and what one search found beside it: seldom asked for when some node fits. */
class SearchRefusals implements NodeRefusals {
  readonly #known: NodeVerdicts | undefined
  readonly #refused: readonly number[]
  readonly #checker: NodeChecker | undefined
  #verdicts: Map<number, Verdict> | undefined

  constructor(known?: NodeVerdicts, refused: readonly number[] = [], checker?: NodeChecker) {
    this.#known = known
    this.#refused = refused
    this.#checker = checker
  }

  add(node: number, verdict: Verdict): void {
    this.#found.set(node, verdict)
  }

  of(node: number): Refusal | undefined {
    return this.#found.get(node)?.refusal ?? this.#known?.of(node)
  }

  counts(): ReadonlyMap<Refusal, number> {
    const counts = new Map(this.#known?.counts())
    for (const { refusal } of this.#found.values()) counts.set(refusal, (counts.get(refusal) ?? 0) + 1)
    return counts
  }

  plugins(): ReadonlySet<string> {
    const known = this.#known?.plugins()
    if (known && this.#found.size === 0) return known
    const plugins = new Set(known)
    for (const { plugin } of this.#found.values()) plugins.add(plugin)
    return plugins
  }

  get #found(): Map<number, Verdict> {
    if (this.#verdicts) return this.#verdicts
    const verdicts = new Map<number, Verdict>()
    for (const node of this.#refused) {
      const verdict = this.#checker?.check(node)
      if (verdict) verdicts.set(node, verdict)
    }
    return (this.#verdicts = verdicts)
  }
}

/** Where room was made for the pod: that node is taken when it fits, whatever others may offer. */
function nominatedNodeOf({ pod, key }: PodInfo, { nodes, nominated }: DecisionInput): number | undefined {
  const name = nominated.nodeOf(key) ?? pod.status?.nominatedNodeName
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
