import type { Node } from '../api/generated/core.v1.ts'
import type { PodInfo } from './pod-info.ts'

/** What happened in the cluster that may help a waiting pod. */
export type ClusterChange =
  | { readonly type: 'nodeAdded'; readonly node: Node }
  | { readonly type: 'nodeUpdated'; readonly node: Node; readonly previous: Node }
  /** A pod was bound to a node, or a bound pod changed. */
  | { readonly type: 'podPlaced'; readonly pod: PodInfo; readonly previous?: PodInfo }
  | { readonly type: 'podRemoved'; readonly pod: PodInfo }
  /** The waiting pod itself changed. */
  | { readonly type: 'podUpdated'; readonly pod: PodInfo }
  /** A namespace's labels changed. */
  | { readonly type: 'namespaceUpdated'; readonly name: string }
