import type {
  DeleteOptions,
  KubernetesObject,
  ObjectList,
  Preconditions,
  Status,
  WatchEvent,
} from '../machinery/meta.ts'
import type { ObjectName, Resource } from '../machinery/resource.ts'

/**
 * What every component and every user of the library speaks to the API server through. Two implementations: over HTTPS
 * (client/http) and, for components in the API server's own process, straight into its request pipeline
 * (apiserver/in-process). Authentication, authorisation, admission and validation are the same in both.
 *
 * Every failure is a StatusError (machinery/status.ts). Objects handed out are shared and never edited.
 */
export interface Client {
  get<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName, options?: GetOptions): Promise<T>

  list<T extends KubernetesObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>

  /**
   * Events after `resourceVersion`, until `signal` aborts, the server ends the watch (the iterator is done), or it
   * fails (throws; 410 as a StatusError). Bookmarks are yielded when asked for.
   */
  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>

  create<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>

  /** Replaces the object (or the part that `subresource` covers); metadata.resourceVersion, when set, must match. */
  update<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: UpdateOptions): Promise<T>

  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: Patch,
    options?: PatchOptions,
  ): Promise<T>

  /** Resolves with the object when it is still being deleted, else with what the server answers. */
  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    options?: Omit<DeleteOptions, 'apiVersion' | 'kind'>,
  ): Promise<T | Status>

  deleteCollection<T extends KubernetesObject>(
    resource: Resource<T>,
    options?: ListOptions & Omit<DeleteOptions, 'apiVersion' | 'kind'>,
  ): Promise<ObjectList<T> | Status>

  /** POSTs `body` to a subresource whose body is another kind: binding, eviction, token, ... */
  createSubresource<Answer extends KubernetesObject>(
    resource: Resource,
    name: ObjectName,
    subresource: string,
    body: KubernetesObject,
    options?: WriteOptions,
  ): Promise<Answer>

  /** GETs a subresource whose body is another kind: `scale`. */
  getSubresource<Answer extends KubernetesObject>(
    resource: Resource,
    name: ObjectName,
    subresource: string,
  ): Promise<Answer>

  /** PUTs a subresource whose body is another kind: `scale`, `approval`. */
  updateSubresource<Answer extends KubernetesObject>(
    resource: Resource,
    name: ObjectName,
    subresource: string,
    body: KubernetesObject,
    options?: WriteOptions,
  ): Promise<Answer>

  /** Whatever the API server serves at an absolute path (`/readyz`, discovery): its body as text. */
  raw(path: string, options?: RawOptions): Promise<string>
}

export interface GetOptions {
  readonly resourceVersion?: string
}

export interface RawOptions {
  /** Media types as in an Accept header; JSON where the server has it, when absent. */
  readonly accept?: string
  readonly signal?: AbortSignal
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
  /** Only apiVersion, kind and metadata are read; a client may leave out the rest (PartialObjectMetadata). */
  readonly metadataOnly?: boolean
  readonly signal?: AbortSignal
}

export interface WatchOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'NotOlderThan'
  readonly allowWatchBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
  /** As in ListOptions. */
  readonly metadataOnly?: boolean
  readonly signal: AbortSignal
}

export interface WriteOptions {
  readonly dryRun?: 'All'
  readonly fieldManager?: string
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict'
}

export interface UpdateOptions extends WriteOptions {
  readonly subresource?: string
}

export interface PatchOptions extends UpdateOptions {
  /** Apply only: take fields over from other managers. */
  readonly force?: boolean
}

export type Patch =
  | { readonly type: 'json'; readonly operations: readonly unknown[] }
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'strategic'; readonly body: unknown }
  /** Server-side apply; needs options.fieldManager. */
  | { readonly type: 'apply'; readonly body: KubernetesObject }

export type { Preconditions }
