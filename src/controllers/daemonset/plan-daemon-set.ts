import type { DaemonSet } from '../../api/generated/apps.v1.ts'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { scaledValue } from '../../machinery/int-or-string.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { isAvailable, isReady, isTerminal } from '../pods/pod-state.ts'
import { isOfTemplate, suitabilityOf, targetNodeOf, type Suitability } from './daemon-pod.ts'

/** Pods are created and deleted in portions of this many per run. */
const maxBurst = 250

export interface DaemonPlan {
  /** Names of the nodes that get a pod. */
  readonly create: readonly string[]
  readonly delete: readonly Pod[]
  /** Pods that have ended on their node, with the node: they are made anew, after a pause when they failed. */
  readonly ended: readonly { readonly pod: Pod; readonly nodeName: string }[]
}

/** A node, whether the set's pod belongs there, and the set's pods there, the oldest first. */
export interface DaemonNode {
  readonly name: string
  readonly suitability: Suitability
  readonly pods: readonly Pod[]
}

export interface DaemonNodes {
  readonly nodes: readonly DaemonNode[]
  /** Pods that wait for a node that is gone. */
  readonly stranded: readonly Pod[]
}

/** Pods that have ended and are being deleted are as good as gone. */
export function daemonNodes(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): DaemonNodes {
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const name = isTerminal(pod) && isDeleting(pod) ? undefined : targetNodeOf(pod)
    if (name !== undefined) byNode.set(name, [...(byNode.get(name) ?? []), pod])
  }
  const placed = nodes.map((node) => {
    const name = node.metadata?.name ?? ''
    const here = byNode.get(name)?.toSorted(oldestFirst) ?? []
    byNode.delete(name)
    return { name, suitability: suitabilityOf(node, set), pods: here }
  })
  const stranded = [...byNode.values()].flat().filter(({ spec }) => !spec?.nodeName)
  return { nodes: placed, stranded }
}

/** One pod on every node where it belongs, none elsewhere. Source: pkg/controller/daemon/daemon_controller.go. */
export function planPlacement(
  set: DaemonSet,
  { nodes, stranded }: DaemonNodes,
  hash: string,
  nowMs: number,
): DaemonPlan {
  const create: string[] = []
  const remove: Pod[] = stranded.filter((pod) => !isDeleting(pod))
  const ended: { pod: Pod; nodeName: string }[] = []
  for (const { name, suitability, pods } of nodes) {
    if (suitability.shouldRun && pods.length === 0) create.push(name)
    else if (suitability.mayStay) {
      const living = pods.filter((pod) => !isDeleting(pod))
      ended.push(...living.filter(isTerminal).map((pod) => ({ pod, nodeName: name })))
      const running = living.filter((pod) => !isTerminal(pod))
      remove.push(...surplus(set, running, hash, nowMs))
    } else remove.push(...pods.filter((pod) => !isDeleting(pod)))
  }
  return { create: create.slice(0, maxBurst), delete: remove.slice(0, maxBurst), ended }
}

/** Of several pods on one node all but one; with surge an old one that serves may stay beside a new one that does not. */
function surplus(set: DaemonSet, running: readonly Pod[], hash: string, nowMs: number): readonly Pod[] {
  if (running.length <= 1) return []
  if (!allowsSurge(set)) return running.slice(1)
  const isNew = (pod: Pod) => isOfTemplate(pod, set, hash)
  const fresh = running.find(isNew)
  const old = running.find((pod) => !isNew(pod))
  const others = running.filter((pod) => pod !== fresh && pod !== old)
  const isReplaced =
    fresh && old && (!isReady(old) || isAvailable(fresh, set.spec?.minReadySeconds ?? 0, nowMs))
  return isReplaced ? [...others, old] : others
}

/**
 * Replaces pods of another revision: without surge old pods are deleted, as many as may be unavailable; with surge new
 * ones come beside the old, which go when the new serve. Source: pkg/controller/daemon/update.go.
 */
export function planDaemonUpdate(
  set: DaemonSet,
  { nodes }: DaemonNodes,
  hash: string,
  nowMs: number,
): DaemonPlan {
  const desired = nodes.filter(({ suitability }) => suitability.shouldRun).length
  const limits = limitsOf(set, desired)
  const pairs = nodes
    .filter(({ pods }) => pods.length > 0)
    .map((node) => ({ ...node, pair: updatePairOf(set, node.pods, hash) }))
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  const serves = (pod: Pod) => isAvailable(pod, minReadySeconds, nowMs)
  const plan =
    limits.surge > 0
      ? planSurge(pairs, desired, limits.surge, serves)
      : planReplacement(pairs, limits.unavailable, serves)
  return { ...plan, create: plan.create.slice(0, maxBurst), delete: plan.delete.slice(0, maxBurst) }
}

function planReplacement(
  nodes: readonly PairedNode[],
  maxUnavailable: number,
  serves: (pod: Pod) => boolean,
): DaemonPlan {
  let unavailable = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const { pair } of nodes) {
    if (!pair || !pair.fresh === !pair.old) unavailable += 1
    else if (pair.fresh) unavailable += serves(pair.fresh) ? 0 : 1
    else if (serves(pair.old!)) candidates.push(pair.old!)
    else {
      broken.push(pair.old!)
      unavailable += 1
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable)
  return { create: [], delete: [...broken, ...candidates.slice(0, room)], ended: [] }
}

/**
 * An old pod on a node where none should run any more may only go when enough others serve: with surge, users expect as
 * many as nodes to serve at any time.
 */
function planSurge(
  nodes: readonly PairedNode[],
  desired: number,
  maxSurge: number,
  serves: (pod: Pod) => boolean,
): DaemonPlan {
  let surging = 0
  let serving = 0
  const remove: Pod[] = []
  const misplaced: Pod[] = []
  const broken: string[] = []
  const candidates: string[] = []
  for (const { name, pair, suitability } of nodes) {
    const { fresh, old } = pair ?? {}
    const leading = old ?? fresh
    if (leading && serves(leading)) serving += 1
    if (!pair) surging += 1
    else if (!old) continue
    else if (fresh) {
      if (serves(fresh)) remove.push(old)
      else surging += 1
    } else if (!suitability.shouldRun) (serves(old) ? misplaced : remove).push(old)
    else (serves(old) ? candidates : broken).push(name)
  }
  const room = Math.max(0, maxSurge - surging)
  const dispensable = misplaced.slice(0, Math.max(0, serving - desired))
  return {
    create: [...broken, ...candidates.slice(0, room)],
    delete: [...remove, ...dispensable],
    ended: [],
  }
}

/** The node's pod of the new revision and that of an old one. */
interface UpdatePair {
  readonly fresh: Pod | undefined
  readonly old: Pod | undefined
}

interface PairedNode extends DaemonNode {
  /** Undefined when there are several pods of a kind: those must be sorted out first. */
  readonly pair: UpdatePair | undefined
}

function updatePairOf(set: DaemonSet, pods: readonly Pod[], hash: string): UpdatePair | undefined {
  const living = pods.filter((pod) => !isDeleting(pod))
  const fresh = living.filter((pod) => isOfTemplate(pod, set, hash))
  const old = living.filter((pod) => !isOfTemplate(pod, set, hash))
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] }
}

function limitsOf(
  { spec }: DaemonSet,
  desired: number,
): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 1 } = spec?.updateStrategy?.rollingUpdate ?? {}
  const surge = scaledValue(maxSurge, desired, true)
  const unavailable = scaledValue(maxUnavailable, desired, true)
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable }
}

function allowsSurge({ spec }: DaemonSet): boolean {
  const surge = spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0
  return spec?.updateStrategy?.type !== 'OnDelete' && surge !== 0 && surge !== '0%'
}

/** Scheduled before waiting pods, then by age. */
function oldestFirst(a: Pod, b: Pod): number {
  return (
    Number(!a.spec?.nodeName) - Number(!b.spec?.nodeName) ||
    compareGoStrings(a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '') ||
    compareGoStrings(a.metadata?.name ?? '', b.metadata?.name ?? '')
  )
}
