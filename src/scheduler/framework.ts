import type { ClusterChange } from './cluster-change.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { PodInfo } from './pod-info.ts'

/**
 * A scheduling plugin: a name and pure functions, after upstream's scheduling framework. For each pod, `filter` and
 * `score` look at the pod once (upstream's pre-filter and pre-score) and return what is asked about each node; they
 * return undefined when the plugin has no say about this pod, so that it costs nothing per node.
 */
export interface Plugin {
  readonly name: string
  /** Pre-enqueue: why the pod must not be tried yet; undefined lets it into the queue. */
  gate?(pod: PodInfo): string | undefined
  /** Pre-filter and filter. */
  filter?(pod: PodInfo, nodes: NodeTable): NodeFilter | undefined
  /** Pre-score and score. */
  score?(pod: PodInfo, nodes: NodeTable): NodeScore | undefined
  /**
   * Queueing hint: whether `change` may make schedulable a pod that this plugin refused. A wrong "no" would leave the pod
   * waiting until the periodic flush; a wrong "yes" costs one attempt.
   */
  mayHelp?(change: ClusterChange, pod: PodInfo): boolean
}

/** The verdict of a filter on one node. */
export type Refusal = {
  /** As upstream words it, one per cause: `Insufficient cpu`. */
  readonly reasons: readonly string[]
  /** Removing pods from the node cannot change the verdict (upstream: UnschedulableAndUnresolvable). */
  readonly unresolvable?: boolean
}

/** A filter made for one pod. Nodes are indexes into the node table. */
export interface NodeFilter {
  /** Called for many nodes: no allocation, no strings. */
  fits(node: number): boolean
  /** Why not, for a node that does not fit. */
  refusal(node: number): Refusal
  /** When set, only these nodes can fit; the others are not looked at. */
  readonly only?: readonly number[]
}

/** A score made for one pod. */
export interface NodeScore {
  /** Any number; higher is better. `finish` brings it to 0..100. */
  raw(node: number): number
  /** Scales `scores`, one per node of `nodes`, in place. Absent when raw is 0..100 already. */
  finish?(scores: Float64Array, nodes: readonly number[]): void
}

export const maxNodeScore = 100

/** Scales to 0..100 by the greatest; `reverse` makes the least the best. Upstream's DefaultNormalizeScore. */
export function scaleByGreatest(scores: Float64Array, reverse: boolean): void {
  let greatest = 0
  for (const score of scores) if (score > greatest) greatest = score
  for (let index = 0; index < scores.length; index++) {
    const scaled = greatest === 0 ? 0 : Math.floor((maxNodeScore * scores[index]!) / greatest)
    scores[index] = reverse ? maxNodeScore - scaled : scaled
  }
}
