import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/policy.v1.ts'
import { podDisruptionBudgets } from '../../api/generated/resources.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import type { Random } from '../../machinery/random.ts'
import { diagnosisMessage } from '../diagnosis.ts'
import type { Failure, Plugin, PluginHandle, Refusal, Remedy } from '../framework.ts'
import { nameOf } from '../node-checker.ts'
import type { NodeTable } from '../nodes/node-table.ts'
import type { PodInfo } from '../pod-info.ts'
import { createEvictor } from './evict-victims.ts'
import { schedulerMetrics } from '../scheduler-metrics.ts'

export interface DefaultPreemptionArgs {
  readonly minCandidateNodesPercentage: number
  readonly minCandidateNodesAbsolute: number
}

export const defaultPreemptionArgs: DefaultPreemptionArgs = {
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
}

/** Makes room for a pod that fits nowhere by deleting pods of lower priority. */
export function createDefaultPreemption(handle: PluginHandle, args: DefaultPreemptionArgs): Plugin {
  const budgetCache = handle.cache(podDisruptionBudgets)
  let budgets: readonly PodDisruptionBudget[] | undefined
  budgetCache.onChange(() => (budgets = undefined))
  const { evict, isEvictingFor } = createEvictor(handle)
  const { preemptionAttempt } = schedulerMetrics(handle.metrics)

  function makeRoom(pod: PodInfo, nodeName: string, victims: readonly PodInfo[]): Remedy {
    return { type: 'nominated', nodeName, done: evict(victims, pod, nodeName) }
  }

  async function chooseWithExtenders(pod: PodInfo, candidates: readonly Candidate[]): Promise<Remedy> {
    const { nodes, extenders, log } = handle
    const victims = new Map(
      candidates.map(({ node, victims: pods, costs }) => [
        nameOf(node, nodes),
        { pods, budgetViolations: costs[0]! },
      ]),
    )
    try {
      const left = [...(await extenders.processPreemption(pod, victims))]
      const chosen = cheapest(
        left.map(([nodeName, { pods, budgetViolations }]) => {
          return { nodeName, victims: pods, costs: [budgetViolations, ...costsOf(pods)] }
        }),
      )
      return chosen
        ? makeRoom(pod, chosen.nodeName, chosen.victims)
        : noUse('no candidate node for preemption', true)
    } catch (error) {
      log.error('an extender failed in preemption', { pod: pod.key, error })
      return noUse(error instanceof Error ? error.message : String(error), true)
    }
  }

  return {
    name: 'DefaultPreemption',
    gate: (pod) =>
      isEvictingFor(pod) ? 'waiting for the preemption for this pod to be finished' : undefined,
    postFilter(pod, failure) {
      const { nodes, random, extenders } = handle
      preemptionAttempt()
      budgets ??= budgetCache.list()
      const input = { nodes, budgets, args, random }
      const found = extenders.preempts(pod)
        ? findCandidates(pod, failure, input)
        : preempt(pod, failure, input)
      switch (found.type) {
        case 'noUse':
          return noUse(found.message, found.isIneligible ?? false)
        case 'candidates':
          return chooseWithExtenders(pod, found.candidates)
        case 'victims':
          return makeRoom(pod, found.nodeName, found.victims)
      }
    },
    mayHelp: (change) => change.type === 'podRemoved',
  }
}

function noUse(message: string, keepsNomination: boolean): Remedy {
  return { type: 'none', message: `preemption: ${message}`, ...(keepsNomination && { keepsNomination }) }
}

/** Room to be made for a pod by deleting others, or why that is no use. */
export type Preemption =
  | { readonly type: 'victims'; readonly nodeName: string; readonly victims: readonly PodInfo[] }
  | NoUse

interface NoUse {
  readonly type: 'noUse'
  readonly message: string
  readonly isIneligible?: true
}

/** Room that could be made on a node, with what it costs. */
interface Candidate {
  readonly node: number
  /** The most important first. */
  readonly victims: readonly PodInfo[]
  /** The less, the better; the first that differs decides. */
  readonly costs: readonly number[]
}

/** What is known of a node as long as nothing changes there, nor any budget. */
interface Finding {
  readonly budgets: readonly PodDisruptionBudget[]
  readonly outcome: Candidate | Refusal
}

export interface PreemptionInput {
  readonly nodes: NodeTable
  /** The same array as long as none of them changes. */
  readonly budgets: readonly PodDisruptionBudget[]
  readonly args: DefaultPreemptionArgs
  readonly random: Random
}

/**
 * The node where deleting pods of lower priority makes room at the least cost. Leaves the table as it was.
 * Source: kube-scheduler's DefaultPreemption.
 */
export function preempt(pod: PodInfo, failure: Failure, input: PreemptionInput): Preemption {
  const search = findCandidates(pod, failure, input)
  if (search.type === 'noUse') return search
  const { node, victims } = cheapest(search.candidates)!
  return { type: 'victims', nodeName: nameOf(node, input.nodes), victims }
}

/** Nodes where room can be made, from a random one on until there are enough to choose from; at least one. */
function findCandidates(
  pod: PodInfo,
  failure: Failure,
  input: PreemptionInput,
): { readonly type: 'candidates'; readonly candidates: readonly Candidate[] } | NoUse {
  const { args, random, nodes: table } = input
  const ineligible = whyIneligible(pod, failure, table)
  if (ineligible) return { type: 'noUse', message: ineligible, isIneligible: true }
  let resolvableCount = 0
  for (const [{ unresolvable }, count] of failure.refusals.counts())
    if (!unresolvable) resolvableCount += count
  const share = Math.floor((resolvableCount * args.minCandidateNodesPercentage) / 100)
  const wanted = Math.max(args.minCandidateNodesAbsolute, share)
  const triedInVain = new Map<Refusal, number>()
  const { indexes } = table
  const start = Math.floor(random.next() * indexes.length)
  const candidates: Candidate[] = []
  for (let offset = 0; offset < indexes.length && candidates.length < wanted; offset++) {
    const node = indexes[(start + offset) % indexes.length]!
    const refusal = failure.refusals.of(node)
    if (!refusal || refusal.unresolvable) continue
    const outcome = outcomeOn(node, pod, failure, input)
    if ('reasons' in outcome) triedInVain.set(outcome, (triedInVain.get(outcome) ?? 0) + 1)
    else candidates.push(outcome)
  }
  if (candidates.length === 0) return { type: 'noUse', message: noUseMessage(triedInVain, failure) }
  return { type: 'candidates', candidates }
}

function outcomeOn(
  node: number,
  pod: PodInfo,
  failure: Failure,
  { nodes, budgets }: PreemptionInput,
): Candidate | Refusal {
  const known = failure.findings?.get(node) as Finding | undefined
  if (known?.budgets === budgets) return known.outcome
  const outcome = nodes.trial(() => victimsOn(node, pod, failure, nodes, budgets))
  failure.findings?.set(node, { budgets, outcome } satisfies Finding)
  return outcome
}

const notHelpful: Refusal = { reasons: ['Preemption is not helpful for scheduling'] }
const noVictims: Refusal = {
  reasons: ['No preemption victims found for incoming pod'],
  unresolvable: true,
}

function noUseMessage(triedInVain: ReadonlyMap<Refusal, number>, { nodeCount }: Failure): string {
  let tried = 0
  for (const count of triedInVain.values()) tried += count
  const others: readonly (readonly [Refusal, number])[] =
    tried < nodeCount ? [[notHelpful, nodeCount - tried]] : []
  return diagnosisMessage(nodeCount, [...triedInVain, ...others])
}

function whyIneligible(
  { pod, priority }: PodInfo,
  { refusals }: Failure,
  nodes: NodeTable,
): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = nodes.indexOf(pod.status?.nominatedNodeName ?? '')
  // Where no removal helps any more, room is to be made elsewhere.
  if (nominated === undefined || refusals.of(nominated)?.unresolvable) return undefined
  for (const other of nodes.pods[nominated]!.values()) {
    if (other.priority < priority && isBeingPreempted(other.pod))
      return 'not eligible due to a terminating pod on the nominated node.'
  }
  return undefined
}

function isBeingPreempted({ metadata, status }: Pod): boolean {
  if (!metadata?.deletionTimestamp) return false
  const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler'
}

/** The fewest pods whose removal makes room on a node; the most important are spared first. */
function victimsOn(
  node: number,
  pod: PodInfo,
  { check }: Failure,
  nodes: NodeTable,
  budgets: readonly PodDisruptionBudget[],
): Candidate | Refusal {
  const nodeName = nameOf(node, nodes)
  const lower: PodInfo[] = []
  for (const other of nodes.pods[node]!.values()) if (other.priority < pod.priority) lower.push(other)
  if (lower.length === 0) return noVictims
  const removed = new Set(lower)
  try {
    for (const { key } of lower) nodes.removePod(key)
    const refused = check(node)
    if (refused) return refused

    const victims: PodInfo[] = []
    let violations = 0
    const { violating, others } = byBudget(lower.sort(mostImportantFirst), budgets)
    const spare = (candidate: PodInfo): boolean => {
      nodes.addPod(candidate, nodeName)
      removed.delete(candidate)
      if (!check(node)) return true
      nodes.removePod(candidate.key)
      removed.add(candidate)
      victims.push(candidate)
      return false
    }
    for (const candidate of violating) if (!spare(candidate)) violations++
    for (const candidate of others) spare(candidate)
    victims.sort(mostImportantFirst)
    return { node, victims, costs: [violations, ...costsOf(victims)] }
  } finally {
    for (const other of removed) nodes.addPod(other, nodeName)
  }
}

function mostImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startOf(a.pod) - startOf(b.pod)
}

/** Milliseconds; a pod that has not started counts as starting last. */
function startOf({ status }: Pod): number {
  return status?.startTime ? Date.parse(status.startTime) : Infinity
}

/** Which pods' removal would break a budget, taken in order: each budget allows only so many. */
function byBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]) {
  if (budgets.length === 0) return { violating: [], others: pods }
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]))
  const violating: PodInfo[] = []
  const others: PodInfo[] = []
  for (const pod of pods) {
    const concerned =
      Object.keys(pod.labels).length === 0 ? [] : budgets.filter((budget) => covers(budget, pod))
    for (const budget of concerned) allowed.set(budget, allowed.get(budget)! - 1)
    if (concerned.some((budget) => allowed.get(budget)! < 0)) violating.push(pod)
    else others.push(pod)
  }
  return { violating, others }
}

function covers({ metadata, spec, status }: PodDisruptionBudget, pod: PodInfo): boolean {
  if (metadata?.namespace !== pod.namespace || !spec?.selector) return false
  // An empty selector covers every pod for the eviction API, but none here: so it is upstream.
  const { matchLabels = {}, matchExpressions = [] } = spec.selector
  if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) return false
  // Already being deleted with the budget's leave.
  if (status?.disruptedPods?.[pod.pod.metadata?.name ?? ''] !== undefined) return false
  return matchesLabels(fromLabelSelector(spec.selector), pod.labels)
}

/** Beside budget violations: the least important victims, then the least priority in sum, the fewest, the youngest. */
function costsOf(victims: readonly PodInfo[]): number[] {
  const highest = victims[0]?.priority ?? -Infinity
  let sum = 0
  let earliestStart = Infinity
  for (const { priority, pod } of victims) {
    sum += priority + 2 ** 31
    if (priority === highest) earliestStart = Math.min(earliestStart, startOf(pod))
  }
  return [highest, sum, victims.length, -earliestStart]
}

type Costs = Pick<Candidate, 'costs'>

/** The first of those that cost least. */
function cheapest<Room extends Costs>(rooms: readonly Room[]): Room | undefined {
  let chosen = rooms[0]
  for (const room of rooms) if (isCheaper(room, chosen!)) chosen = room
  return chosen
}

function isCheaper({ costs: a }: Costs, { costs: b }: Costs): boolean {
  for (let index = 0; index < a.length; index++) {
    if (a[index] !== b[index]) return a[index]! < b[index]!
  }
  return false
}
