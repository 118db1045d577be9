import type { KubernetesObject } from '../machinery/meta.ts'
import type { Resource } from '../machinery/resource.ts'

/** One cache per resource and selector, shared by everything that asks for the same. */
export interface Informers {
  /** Starts the informer on first use. Throws nothing; a failing watch is retried with back-off and logged. */
  informer<T extends KubernetesObject>(resource: Resource<T>, scope?: InformerScope): Informer<T>
  /** Resolves when every informer started so far has its first full list. */
  synced(): Promise<void>
  /** Ends an informer for all who share it: for resources that the API server has ceased to serve. */
  release(informer: Informer<never>): Promise<void>
  stop(): Promise<void>
}

export interface InformerScope {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Only metadata is read: the cache may hold objects that are nothing but apiVersion, kind and metadata. */
  readonly metadataOnly?: boolean
}

/** A list-and-watch cache of one resource: always a state that the API server had. */
export interface Informer<T extends KubernetesObject> {
  readonly resource: Resource<T>
  readonly synced: Promise<void>
  readonly hasSynced: boolean
  /** The newest resourceVersion seen; every write at or below it is in the cache. */
  readonly resourceVersion: bigint
  /** Resolves when the cache has seen `resourceVersion`, or the signal aborts. */
  waitFor(resourceVersion: string, signal?: AbortSignal): Promise<void>
  /** By keyOf(object). */
  get(key: string): T | undefined
  list(namespace?: string): readonly T[]
  /** Registers an index before or after start; `values` are the index values of one object. */
  addIndex(name: string, values: (object: T) => readonly string[]): void
  byIndex(name: string, value: string): readonly T[]
  /**
   * Calls `handler` for every object in the cache and then for every change, synchronously and in order.
   * Returns what unsubscribes.
   */
  onChange(handler: (change: Change<T>) => void): () => void
}

export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T }
