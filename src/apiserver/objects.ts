import type { DeleteOptions, KubernetesObject, Writable } from '../machinery/meta.ts'
import type { ObjectName, Resource } from '../machinery/resource.ts'

/**
 * The API server's own view of the objects, for its authenticators, authorisers, admission plugins, subresources and
 * start-up: reads come from the watch caches, writes go through the registries as the loopback user (validated and
 * admitted, not authorised).
 */
export interface Objects {
  /** From the watch cache: what the API server has seen; may be a moment behind another server's writes. */
  get<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName): T | undefined
  /** From the store, as of now. */
  getLatest<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName): Promise<T | undefined>
  list<T extends KubernetesObject>(resource: Resource<T>, namespace?: string): readonly T[]
  /** Calls `handler` for all objects there are and for each change, synchronously; returns what unsubscribes. */
  onChange<T extends KubernetesObject>(
    resource: Resource<T>,
    handler: (change: ObjectChange<T>) => void,
  ): () => void

  create<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T>
  /**
   * Reads the latest object, lets `change` edit a copy, writes it if it differs, and repeats on conflict. `change` may
   * throw to refuse. With a subresource, only its part is written.
   */
  change<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    change: (object: Writable<T>) => void,
    options?: { readonly subresource?: string },
  ): Promise<T>
  delete(resource: Resource, name: ObjectName, options?: DeleteOptions): Promise<void>
}

export type ObjectChange<T> =
  | { readonly type: 'set'; readonly object: T; readonly previous?: T }
  | { readonly type: 'deleted'; readonly object: T }
