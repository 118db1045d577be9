import { writableCopy } from '../machinery/copy.ts'
import type { Logger } from '../machinery/log.ts'
import type { DeleteOptions, KubernetesObject, Writable } from '../machinery/meta.ts'
import type { ObjectName, Resource } from '../machinery/resource.ts'
import type { User } from './authentication/authenticator.ts'
import type { ObjectChange, Objects } from './objects.ts'
import { createObject } from './registry/create.ts'
import { deleteObject } from './registry/delete.ts'
import type { Registry } from './registry/registry.ts'
import type { RequestScope } from './registry/request.ts'
import type { ResourceTable } from './registry/resource-table.ts'
import { updateObject } from './registry/update.ts'

/** Who the API server is when it writes of its own accord. Source: k8s.io/apiserver, the loopback client. */
export const loopbackUser: User = {
  name: 'system:apiserver',
  groups: ['system:authenticated', 'system:masters'],
}

const neverAborts = new AbortController().signal

/** The objects as the API server's own parts see them. There are none of a resource that is not served. */
export class ObjectsView implements Objects {
  readonly #table: ResourceTable
  readonly #log: Logger

  constructor(table: ResourceTable, log: Logger) {
    this.#table = table
    this.#log = log
  }

  get<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName): T | undefined {
    const registry = this.#table.findRegistry(resource)
    return registry?.cache.get(keyOf(registry, name))?.object as T | undefined
  }

  async getLatest<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
  ): Promise<T | undefined> {
    const registry = this.#table.findRegistry(resource)
    await registry?.context.feed.fresh()
    return registry?.cache.get(keyOf(registry, name))?.object as T | undefined
  }

  list<T extends KubernetesObject>(resource: Resource<T>, namespace?: string): readonly T[] {
    const stored = this.#table.findRegistry(resource)?.cache.all(namespace) ?? []
    return stored.map(({ object }) => object as T)
  }

  onChange<T extends KubernetesObject>(
    resource: Resource<T>,
    handler: (change: ObjectChange<T>) => void,
  ): () => void {
    const cache = this.#table.findRegistry(resource)?.cache
    if (!cache) return () => {}
    const tell = (change: ObjectChange<T>) => {
      try {
        handler(change)
      } catch (error) {
        // One listener's fault must not keep a change from the others, nor end the feed.
        this.#log.error('a listener for changes failed', {
          resource: resource.resource,
          error: String(error),
        })
      }
    }
    for (const { object } of cache.all()) tell({ type: 'set', object: object as T })
    return cache.subscribe(({ current, previous }) => {
      if (!current) tell({ type: 'deleted', object: previous!.object as T })
      else if (previous) tell({ type: 'set', object: current.object as T, previous: previous.object as T })
      else tell({ type: 'set', object: current.object as T })
    })
  }

  async create<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    const registry = this.#table.registry(resource)
    const scope = this.#scope(registry, resource, object.metadata?.namespace ?? '', '')
    const created = await createObject(registry, scope, { type: 'object', object }, {})
    return (created.type === 'stored' ? created.stored.object : created.object) as T
  }

  async change<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    change: (object: Writable<T>) => void,
    { subresource = '' }: { readonly subresource?: string } = {},
  ): Promise<T> {
    const registry = this.#table.registry(resource)
    const scope = this.#scope(registry, resource, name.namespace ?? '', subresource)
    const updated = await updateObject(registry, scope, {
      name: name.name,
      options: {},
      rules: subresource === 'status' ? registry.statusRules : registry.rules,
      createsMissing: false,
      make(existing) {
        const copy = writableCopy(existing!)
        change(copy as Writable<T>)
        registry.fields.onUpdate(scope, existing, copy, {})
        return copy
      },
    })
    return (updated.type === 'stored' ? updated.stored.object : updated.object) as T
  }

  async delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const registry = this.#table.registry(resource)
    const scope = this.#scope(registry, resource, name.namespace ?? '', '')
    await deleteObject(registry, scope, name.name, options)
  }

  #scope(registry: Registry, resource: Resource, namespace: string, subresource: string): RequestScope {
    return {
      user: loopbackUser,
      verb: 'update',
      served: this.#table.find(resource) ?? registry.served,
      subresource,
      namespace,
      userAgent: 'kube-apiserver',
      signal: () => neverAborts,
      warn: () => {},
      authorizeCreate: () => Promise.resolve(),
      whyRefused: () => Promise.resolve(undefined),
    }
  }
}

function keyOf(registry: Registry, { namespace = '', name }: ObjectName): string {
  return registry.keyOf(namespace, name)
}
