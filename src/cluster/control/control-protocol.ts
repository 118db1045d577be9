import type { ServerEnd } from '../up/supervisor.ts'
import type { ComponentHealth } from '../agent/agent-message.ts'
import type { NodeRuntime, StoreChoice } from '../state/cluster-state.ts'

/**
 * What the command line asks of a running server, over a socket in the cluster's folder for run state. Whoever may open
 * the socket may do everything.
 */
export type ControlRequest =
  | { readonly type: 'status' }
  | { readonly type: 'addNode'; readonly node: string }
  | { readonly type: 'stopNode'; readonly node: string }
  | { readonly type: 'startNode'; readonly node: string }
  | { readonly type: 'deleteNode'; readonly node: string }
  /** `file` is an absolute path. */
  | { readonly type: 'loadImage'; readonly file: string }
  | { readonly type: 'listImages' }

export interface ControlAnswers {
  readonly status: ClusterStatus
  readonly addNode: NodeStatus
  readonly stopNode: NodeStatus
  readonly startNode: NodeStatus
  readonly deleteNode: null
  /** Names of the images that were loaded. */
  readonly loadImage: readonly string[]
  readonly listImages: readonly NodeImage[]
}

export interface ClusterStatus {
  readonly name: string
  /** `restarting`: its server has ended by itself, and is about to be started again. */
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped'
  /** Nothing of it is on the machine but its folder. */
  readonly cleared: boolean
  /**
   * Of a server in the background: whether what starts it again is there. Without it the cluster runs until its server
   * ends. Absent where it does not run, or runs in somebody's terminal.
   */
  readonly supervisor?: 'running' | 'ended'
  /** Of its server, when nobody had stopped it, since the cluster was brought up in the background. */
  readonly ends: readonly ServerEnd[]
  readonly k8tsVersion: string
  readonly kubernetesVersion: string
  readonly server: string
  readonly kubeconfig: string
  readonly folder: string
  readonly runtime: NodeRuntime
  readonly store: StoreChoice['type']
  /** Absent when it does not run. */
  readonly pid?: number
  readonly components: readonly ComponentHealth[]
  readonly nodes: readonly NodeStatus[]
}

export interface NodeStatus {
  readonly name: string
  readonly kind: 'containerd' | 'simulated'
  readonly state: 'running' | 'stopped'
  /** Each of its components has said that it does its work. */
  readonly ready: boolean
  readonly address?: string
  readonly pid?: number
  /** How often its process was started again after it ended by itself. */
  readonly restarts?: number
  readonly components: readonly ComponentHealth[]
}

export interface NodeImage {
  readonly node: string
  readonly name: string
}
