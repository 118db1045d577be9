import type { Node } from '../api/generated/core.v1.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Resource } from '../machinery/resource.ts'
import type { PodInfo } from './pod-info.ts'

/** What happened in the cluster that may help a waiting pod. */
export type ClusterChange =
  | { readonly type: 'nodeAdded'; readonly node: Node }
  | { readonly type: 'nodeUpdated'; readonly node: Node; readonly previous: Node }
  /** A pod was bound to a node, or a bound pod changed. */
  | { readonly type: 'podPlaced'; readonly pod: PodInfo; readonly previous?: PodInfo }
  /** A pod left a node, or room is no longer kept for it there. */
  | { readonly type: 'podRemoved'; readonly pod: PodInfo; readonly nodeName: string }
  /** The waiting pod itself changed. */
  | { readonly type: 'podUpdated'; readonly pod: PodInfo }
  /** A namespace's labels changed. */
  | { readonly type: 'namespaceUpdated'; readonly name: string }
  /** An object of a resource that some plugin caches came, changed or went. */
  | ObjectChanged

export interface ObjectChanged {
  readonly type: 'objectChanged'
  readonly resource: Resource
  /** Undefined once it is gone. */
  readonly object: KubernetesObject | undefined
  /** Undefined when it is new. */
  readonly previous: KubernetesObject | undefined
}

/** The object that came or changed, when the change is of this resource. */
export function changedTo<T extends KubernetesObject>(
  change: ClusterChange,
  resource: Resource<T>,
): { readonly object: T; readonly previous: T | undefined } | undefined {
  if (change.type !== 'objectChanged' || change.resource !== (resource as Resource) || !change.object)
    return undefined
  return { object: change.object as T, previous: change.previous as T | undefined }
}
