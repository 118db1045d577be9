import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/policy.v1.ts'
import { podDisruptionBudgets } from '../../api/generated/resources.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import type { Random } from '../../machinery/random.ts'
import { nameOf } from '../decide.ts'
import { diagnosisMessage } from '../diagnosis.ts'
import type { Failure, Plugin, PluginHandle, Refusal } from '../framework.ts'
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
  const budgets = handle.cache(podDisruptionBudgets)
  const evict = createEvictor(handle)
  const { preempted } = schedulerMetrics(handle.metrics)
  return {
    name: 'DefaultPreemption',
    postFilter(pod, failure) {
      const { nodes, random } = handle
      const result = preempt(pod, failure, { nodes, budgets: budgets.list(), args, random })
      if (result.type === 'noUse') {
        const { message, isIneligible } = result
        return {
          type: 'none',
          message: `preemption: ${message}`,
          ...(isIneligible && { keepsNomination: true }),
        }
      }
      preempted(result.victims.length)
      const { nodeName, victims } = result
      return { type: 'nominated', nodeName, done: evict(victims, pod, nodeName) }
    },
    mayHelp: (change) => change.type === 'podRemoved',
  }
}

/** Room to be made for a pod by deleting others, or why that is no use. */
export type Preemption =
  | { readonly type: 'victims'; readonly nodeName: string; readonly victims: readonly PodInfo[] }
  | { readonly type: 'noUse'; readonly message: string; readonly isIneligible?: true }

interface Candidate {
  readonly node: number
  readonly victims: readonly PodInfo[]
  readonly violations: number
}

export interface PreemptionInput {
  readonly nodes: NodeTable
  readonly budgets: readonly PodDisruptionBudget[]
  readonly args: DefaultPreemptionArgs
  readonly random: Random
}

/**
 * The node where deleting pods of lower priority makes room at the least cost. Leaves the table as it was.
 * Source: kube-scheduler's DefaultPreemption.
 */
export function preempt(pod: PodInfo, failure: Failure, input: PreemptionInput): Preemption {
  const { args, random, nodes: table } = input
  const ineligible = whyIneligible(pod, table)
  if (ineligible) return { type: 'noUse', message: ineligible, isIneligible: true }
  const refusals = new Map<number, Refusal>()
  const candidates: Candidate[] = []
  const nodes: number[] = []
  for (const [node, { unresolvable }] of failure.refusals) if (!unresolvable) nodes.push(node)
  const share = Math.floor((nodes.length * args.minCandidateNodesPercentage) / 100)
  const wanted = Math.max(args.minCandidateNodesAbsolute, share)
  const start = Math.floor(random.next() * nodes.length)
  for (let offset = 0; offset < nodes.length && candidates.length < wanted; offset++) {
    const node = nodes[(start + offset) % nodes.length]!
    const outcome = victimsOn(node, pod, failure, input)
    if ('reasons' in outcome) refusals.set(node, outcome)
    else candidates.push(outcome)
  }
  const chosen = cheapest(candidates)
  if (!chosen) return { type: 'noUse', message: noUseMessage(refusals, failure) }
  return { type: 'victims', nodeName: nameOf(chosen.node, table), victims: chosen.victims }
}

const notHelpful: Refusal = { reasons: ['Preemption is not helpful for scheduling'] }
const noVictims: Refusal = {
  reasons: ['No preemption victims found for incoming pod'],
  unresolvable: true,
}

function noUseMessage(refusals: ReadonlyMap<number, Refusal>, { nodeCount }: Failure): string {
  const others = Array.from({ length: nodeCount - refusals.size }, () => notHelpful)
  return diagnosisMessage(nodeCount, [...refusals.values(), ...others])
}

function whyIneligible({ pod, priority }: PodInfo, nodes: NodeTable): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.status?.nominatedNodeName && nodes.indexOf(pod.status.nominatedNodeName)
  if (typeof nominated !== 'number') return undefined
  for (const other of nodes.pods[nominated]!.values()) {
    if (other.priority < priority && other.pod.metadata?.deletionTimestamp) {
      return 'not eligible due to a terminating pod on the nominated node.'
    }
  }
  return undefined
}

/** The fewest pods whose removal makes room on a node; the most important are spared first. */
function victimsOn(
  node: number,
  pod: PodInfo,
  { check }: Failure,
  { nodes, budgets }: PreemptionInput,
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
    return { node, victims: victims.sort(mostImportantFirst), violations }
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
  // Already being deleted with the budget's leave.
  if (status?.disruptedPods?.[pod.pod.metadata?.name ?? ''] !== undefined) return false
  return matchesLabels(fromLabelSelector(spec.selector), pod.labels)
}

/** Fewest budget violations, then least important victims, then least priority in sum, then fewest, then youngest. */
function cheapest(candidates: readonly Candidate[]): Candidate | undefined {
  const costs: ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => victims[0]?.priority ?? -Infinity,
    ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -earliestStart(victims),
  ]
  let left = candidates
  for (const cost of costs) {
    if (left.length <= 1) break
    const least = Math.min(...left.map(cost))
    left = left.filter((candidate) => cost(candidate) === least)
  }
  return left[0]
}

/** When the longest-running of the most important victims started. */
function earliestStart(victims: readonly PodInfo[]): number {
  const highest = victims[0]?.priority
  return Math.min(...victims.filter(({ priority }) => priority === highest).map(({ pod }) => startOf(pod)))
}
