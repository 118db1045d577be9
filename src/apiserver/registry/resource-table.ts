import type { ResourceDefinition } from '../../api/definition.ts'
import { apiVersionOf, groupResource, type Resource } from '../../machinery/resource.ts'
import { Registry, type RegistryContext } from './registry.ts'
import type { IsServed } from '../enablement/resource-config.ts'
import type { Reporter } from './reporter.ts'
import type { Responder } from './responder.ts'
import type { ServedResource } from './served-resource.ts'
import type { Subresource } from './subresource.ts'
import type { WriteHooks } from './write-hooks.ts'

/** All that is served: definitions come and go while the server runs. */
export class ResourceTable {
  readonly #context: RegistryContext
  readonly #subresources: readonly Subresource[]
  readonly #hooks: ReadonlyMap<string, WriteHooks>
  readonly #isServed: IsServed
  /** By `apps/v1/deployments`. */
  readonly #served = new Map<string, ServedResource>()
  /** By `deployments.apps`. */
  readonly #registries = new Map<string, Registry>()
  readonly #parts = new WeakMap<ServedResource, readonly Subresource[]>()
  readonly #responders = new WeakMap<Registry, Responder>()
  readonly #reporters = new WeakMap<Registry, Reporter>()
  #generation = 0

  /** `hooks` by `services`, `deployments.apps`; `isServed` of what is built in. */
  constructor(
    context: RegistryContext,
    subresources: readonly Subresource[],
    hooks: ReadonlyMap<string, WriteHooks>,
    isServed: IsServed = () => true,
  ) {
    this.#context = context
    this.#subresources = subresources
    this.#hooks = hooks
    this.#isServed = isServed
  }

  /** Changes with each addition and removal: what discovery says is then out of date. */
  get generation(): number {
    return this.#generation
  }

  /** Serves a resource from now on, with the objects that the store has of it. */
  add(definition: ResourceDefinition): Registry {
    const name = groupResource(definition.resource)
    if (this.#registries.has(name)) throw new Error(`${name} is served already`)
    const registry = new Registry(this.#context, definition, this.#hooks.get(name))
    this.#registries.set(name, registry)
    for (const served of registry.versions) {
      const isHidden =
        (served === registry.served && definition.isStoredVersionHidden) ||
        (!definition.isCustom && !this.#isServed(served.resource))
      if (!isHidden) this.#served.set(keyOf(served.resource), served)
    }
    this.#generation++
    return registry
  }

  /** Answers questions from now on. */
  addResponder(responder: Responder): void {
    const registry = this.add({
      resource: responder.resource,
      singular: responder.resource.kind.toLowerCase(),
      verbs: ['create'],
      strategy: {},
    })
    this.#responders.set(registry, responder)
  }

  /** Reports from now on. */
  addReporter(reporter: Reporter): void {
    this.#reporters.set(this.add(reporter.definition), reporter)
  }

  reporterOf(registry: Registry): Reporter | undefined {
    return this.#reporters.get(registry)
  }

  responderOf(registry: Registry): Responder | undefined {
    return this.#responders.get(registry)
  }

  /** Serves a resource by another definition. Its objects stay; its watches end, and go on under the new one. */
  replace(definition: ResourceDefinition): Registry {
    this.remove(definition.resource)
    return this.add(definition)
  }

  /** Ends serving a resource; the objects stay in the store. */
  remove(resource: Pick<Resource, 'group' | 'resource'>): void {
    const name = groupResource(resource)
    const registry = this.#registries.get(name)
    if (!registry) return
    registry.close()
    this.#registries.delete(name)
    for (const served of registry.versions) this.#served.delete(keyOf(served.resource))
    this.#generation++
  }

  find(resource: Pick<Resource, 'group' | 'version' | 'resource'>): ServedResource | undefined {
    return this.#served.get(keyOf(resource))
  }

  /** As find, and where nothing is found once more with all that was written before: it may have just been defined. */
  async findLatest(
    resource: Pick<Resource, 'group' | 'version' | 'resource'>,
  ): Promise<ServedResource | undefined> {
    const found = this.find(resource)
    if (found) return found
    await this.#context.feed.fresh()
    return this.find(resource)
  }

  /** The registry of a resource under any of its versions. */
  findRegistry(resource: Pick<Resource, 'group' | 'version' | 'resource'>): Registry | undefined {
    return this.#registries.get(groupResource(resource)) ?? this.find(resource)?.registry
  }

  /** The same, of a resource that is known to be served. */
  registry(resource: Pick<Resource, 'group' | 'version' | 'resource'>): Registry {
    const registry = this.findRegistry(resource)
    if (!registry) throw new Error(`${groupResource(resource)} is not served`)
    return registry
  }

  subresourcesOf(served: ServedResource): readonly Subresource[] {
    let parts = this.#parts.get(served)
    if (!parts) {
      parts = this.#subresources.filter((subresource) => subresource.appliesTo(served.registry, served))
      this.#parts.set(served, parts)
    }
    return parts
  }

  all(): readonly ServedResource[] {
    return [...this.#served.values()]
  }

  registries(): readonly Registry[] {
    return [...this.#registries.values()]
  }
}

function keyOf(resource: Pick<Resource, 'group' | 'version' | 'resource'>): string {
  return `${apiVersionOf(resource)}/${resource.resource}`
}
