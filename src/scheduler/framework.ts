import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Informer } from '../client/informer.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Metrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import type { Resource } from '../machinery/resource.ts'
import type { ClusterChange } from './cluster-change.ts'
import type { Extenders } from './extenders/extenders.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { NominatedPods } from './nominated-pods.ts'
import type { PodInfo } from './pod-info.ts'
import type { WaitingPods } from './waiting-pods.ts'

/**
 * A scheduling plugin, after upstream's scheduling framework: each method is one extension point, or two where one
 * prepares the other. For each pod, `filter` and `score` look at the pod once (pre-filter and pre-score) and return what
 * is asked about each node; they return undefined when the plugin has no say about this pod, so that it costs nothing per
 * node.
 */
export interface Plugin {
  readonly name: string
  /** Pre-enqueue: why the pod must not be tried yet; undefined lets it into the queue. */
  gate?(pod: PodInfo): string | undefined
  /** Queue sort: negative when `a` is tried before `b`. */
  compare?(a: Candidate, b: Candidate): number
  /** Pre-filter and filter. */
  filter?(pod: PodInfo, nodes: NodeTable): NodeFilter | PodRefusal | undefined
  /** Post-filter: what can be done for a pod that fits nowhere; a promise only where extenders are asked. */
  postFilter?(pod: PodInfo, failure: Failure): Remedy | Promise<Remedy>
  /** Pre-score and score; `feasible` are the nodes to be compared. */
  score?(pod: PodInfo, nodes: NodeTable, feasible: readonly number[]): NodeScore | undefined
  /** Takes what the pod needs beside the node, before the next pod is looked at; refuses when it cannot. */
  reserve?(pod: PodInfo, nodeName: string): Refusal | undefined
  /** Gives back what `reserve` took. Also called when `reserve` itself refused; harmless when there is nothing. */
  unreserve?(pod: PodInfo, nodeName: string): void
  /** Lets the pod be bound, refuses it, or has it wait. */
  permit?(pod: PodInfo, nodeName: string): Permit
  /** What must be there before the pod is bound. Rejects when it cannot be; `signal` aborts when the scheduler stops. */
  preBind?(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>
  /** Binds the pod and resolves to true, or leaves it to the next plugin. */
  bind?(pod: PodInfo, nodeName: string): Promise<boolean>
  postBind?(pod: PodInfo, nodeName: string): void
  /**
   * Queueing hint: whether `change` may make schedulable a pod that this plugin refused. A wrong "no" would leave the pod
   * waiting until the periodic flush; a wrong "yes" costs one attempt. For pods alike in priority and in the local keys of
   * filters it must say the same of all, but for one that the changed node is kept for.
   */
  mayHelp?(change: ClusterChange, pod: PodInfo): boolean
}

/** A pod in the queue. */
export interface Candidate {
  readonly pod: PodInfo
  /** Monotonic milliseconds: when it came, or came back from its last attempt. */
  readonly queuedAtMs: number
}

/** The verdict of a filter on one node. */
export type Refusal = {
  /** As upstream words it, one per cause: `Insufficient cpu`. */
  readonly reasons: readonly string[]
  /** Removing pods from the node cannot change the verdict (upstream: UnschedulableAndUnresolvable). */
  readonly unresolvable?: boolean
}

/** A filter's verdict on the pod itself: no node would do. */
export interface PodRefusal {
  readonly refusesPod: Refusal
}

/** A filter made for one pod. Nodes are indexes into the node table. */
export interface NodeFilter {
  /** Called for many nodes: no allocation, no strings. */
  fits(node: number): boolean
  /** Why not, for a node that does not fit. */
  refusal(node: number): Refusal
  /** When set, only these nodes can fit; the others are not looked at. */
  readonly only?: readonly number[]
  /**
   * When set, what it says of a node depends on that node and the pods on it alone, and filters of the plugin with the
   * same key say the same.
   */
  readonly localKey?: string
  /**
   * It holds counts taken when it was made, so that it must be made anew after pods have been added to nodes or taken
   * away. Others read the table each time.
   */
  readonly isSnapshot?: boolean
}

/** A score made for one pod. */
export interface NodeScore {
  /** Any number; higher is better. `finish` brings it to 0..100. */
  raw(node: number): number
  /** Scales `scores`, one per node of `nodes`, in place. Absent when raw is 0..100 already. */
  finish?(scores: Float64Array, nodes: readonly number[]): void
}

/** Why nodes were refused. Good until the table changes. */
export interface NodeRefusals {
  of(node: number): Refusal | undefined
  /** How many nodes were refused so. */
  counts(): Iterable<readonly [Refusal, number]>
}

/** A pod that fits nowhere, as post-filters see it. */
export interface Failure {
  readonly refusals: NodeRefusals
  readonly nodeCount: number
  /** The plugin that refused the pod before any node was looked at. */
  readonly podRefusedBy?: string
  /** The first refusal of the node's filters with the table as it is now; undefined when the pod fits. */
  check(node: number): Refusal | undefined
  /**
   * What a post-filter found out about nodes for pods like this one, of the same priority: forgotten when something changes
   * on the node. Absent when it may also depend on other nodes.
   */
  readonly findings?: NodeFindings
}

export interface NodeFindings {
  get(node: number): unknown
  set(node: number, finding: unknown): void
}

export type Remedy =
  /** Room is being made there; `done` rejects when that fails. */
  | { readonly type: 'nominated'; readonly nodeName: string; readonly done: Promise<void> }
  /** `keepsNomination`: room made earlier is still on its way. */
  | { readonly type: 'none'; readonly message: string; readonly keepsNomination?: boolean }
  /** Nothing can be said of this pod: no other post-filter is asked, and only this message is told. */
  | { readonly type: 'failed'; readonly message: string }

export type Permit =
  | { readonly type: 'allowed' }
  | { readonly type: 'refused'; readonly refusal: Refusal }
  /** Until allowed or refused through `PluginHandle.waiting`, at the longest `maxMs`: then it counts as refused. */
  | { readonly type: 'wait'; readonly maxMs: number }

/** What the scheduler gives plugins to work with. */
export interface PluginHandle {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly events: EventRecorder
  readonly log: Logger
  readonly metrics: Metrics
  readonly nodes: NodeTable
  readonly nominated: NominatedPods
  readonly extenders: Extenders
  /** Pods that plugins have had wait. */
  readonly waiting: WaitingPods
  /** Says that something came about, other than in a cache, that may help waiting pods. */
  notice(change: ClusterChange): void
  /** A cache of a resource; its changes reach `mayHelp` as `objectChanged`. To be asked for when the plugin is made. */
  cache<T extends KubernetesObject>(resource: Resource<T>): Informer<T>
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
