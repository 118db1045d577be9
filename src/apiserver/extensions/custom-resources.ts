import type { CustomResourceDefinition } from '../../api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import { isConditionTrue } from '../../machinery/conditions.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Logger } from '../../machinery/log.ts'
import { groupResource } from '../../machinery/resource.ts'
import { forbidden, isNotFound } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'
import type { Registry } from '../registry/registry.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import type { CacheChange } from '../storage/watch-cache.ts'
import type { WebhookClient } from '../webhook/webhook-client.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { reconcileDefinition } from './definition-loop.ts'
import { schemasDigest } from './schemas-digest.ts'
import { KeyQueue } from './key-queue.ts'
import { servedDefinition } from './served-definition.ts'
import { convertByWebhook } from './webhook-conversion.ts'

export interface CustomResourcesOptions {
  readonly table: ResourceTable
  /** The definitions, which alone say what is served. */
  readonly definitions: Registry
  readonly objects: Objects
  readonly clock: Clock
  readonly log: Logger
  /** Calls the webhooks that convert. */
  readonly webhooks: Pick<WebhookClient, 'call'>
}

interface Known {
  readonly stored: StoredObject
  readonly outline: CustomResourceDefinition
  /** Whether the table has it. */
  readonly isServed: boolean
}

/**
 * Serves the kinds that CustomResourceDefinitions define, as long as they do: derived from the watch of the definitions
 * alone, so that all servers over one store come to the same.
 */
export class CustomResources {
  readonly #options: CustomResourcesOptions
  readonly #known = new Map<string, Known>()
  readonly #queue: KeyQueue
  readonly #unsubscribe: () => void

  constructor(options: CustomResourcesOptions) {
    this.#options = options
    const { definitions, objects, clock, log } = options
    const loop = {
      objects,
      clock,
      outlines: () => Array.from(this.#known.values(), ({ outline }) => outline),
      deleteInstances: (definition: CustomResourceDefinition) => this.#deleteInstances(definition),
    }
    this.#queue = new KeyQueue((name) => reconcileDefinition(name, loop), clock, log)
    for (const stored of definitions.cache.all()) this.#set(stored)
    this.#unsubscribe = definitions.cache.subscribe((change) => this.#onChange(change))
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await this.#queue.close()
  }

  #onChange({ current, previous }: CacheChange): void {
    if (current) {
      this.#set(current)
      return
    }
    const known = previous && this.#known.get(previous.key)
    if (!known) return
    this.#known.delete(previous.key)
    if (known.isServed) this.#options.table.remove(resourceOf(known.outline))
    this.#queueGroup(known.outline.spec.group)
  }

  #set(stored: StoredObject): void {
    const previous = this.#known.get(stored.key)
    const outline = this.#outlineOf(stored)
    if (!outline) return
    const isSame = previous !== undefined && isSameService(previous, stored, outline)
    const source = isSame ? previous.stored : stored
    const isServed = isSame ? previous.isServed : this.#serve(source, outline, previous)
    this.#known.set(stored.key, { stored: source, outline, isServed })
    if (previous && !jsonEqual(previous.outline.status?.acceptedNames, outline.status?.acceptedNames)) {
      this.#queueGroup(outline.spec.group)
    }
    if (isDue(outline)) this.#queue.add(stored.key)
  }

  /** One that cannot be read must not keep the others from being served; what was served by it goes on. */
  #outlineOf(stored: StoredObject): CustomResourceDefinition | undefined {
    try {
      return stored.outline as CustomResourceDefinition
    } catch (error) {
      const fields = { name: stored.key, error: String(error) }
      this.#options.log.error('a custom resource definition cannot be read', fields)
      return undefined
    }
  }

  /** Whether the resource is in the table afterwards. */
  #serve(stored: StoredObject, outline: CustomResourceDefinition, previous: Known | undefined): boolean {
    const { table, log, webhooks } = this.#options
    const { conditions } = outline.status ?? {}
    const isAccepted =
      isConditionTrue(conditions, 'NamesAccepted') || isConditionTrue(conditions, 'Established')
    const isServed = isAccepted && outline.spec.versions.some(({ served }) => served)
    const definition = isServed
      ? servedDefinition({
          outline,
          full: () => JSON.parse(stored.value.toString()) as CustomResourceDefinition,
          schemasId: () => schemasDigest(stored.value),
          ...(outline.spec.conversion?.strategy === 'Webhook' && {
            convert: convertByWebhook(outline, webhooks),
          }),
          refuseCreate: (name) => this.#refuseCreate(stored.key, name),
        })
      : undefined
    if (previous?.isServed) table.remove(resourceOf(previous.outline))
    if (!definition) return false
    if (table.findRegistry(definition.resource)) {
      log.warn('a custom resource has the name of another', { resource: groupResource(definition.resource) })
      return false
    }
    table.add(definition)
    return true
  }

  #refuseCreate(definitionName: string, name: string) {
    const { outline } = this.#known.get(definitionName) ?? {}
    if (!outline || !isConditionTrue(outline.status?.conditions, 'Terminating')) return undefined
    const detail = 'create not allowed while custom resource definition is terminating'
    return forbidden({ group: outline.spec.group, resource: outline.spec.names.plural }, name, detail)
  }

  #queueGroup(group: string): void {
    for (const [name, { outline }] of this.#known) {
      if (outline.spec.group === group) this.#queue.add(name)
    }
  }

  async #deleteInstances(definition: CustomResourceDefinition): Promise<number> {
    const { table, objects } = this.#options
    const { group, names } = definition.spec
    const registry = table.findRegistry({ group, version: '', resource: names.plural })
    if (!registry?.served.isCustom) return 0
    await registry.context.feed.fresh()
    const { resource } = registry.definition
    for (const { object } of registry.cache.all()) {
      const { name = '', namespace = '', deletionTimestamp } = object.metadata ?? {}
      if (deletionTimestamp !== undefined) continue
      await objects.delete(resource, { namespace, name }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
    await registry.context.feed.fresh()
    return registry.cache.size
  }
}

/** Whether the loop may have something to do: what has settled is not looked at again at every start. */
function isDue({ metadata, spec, status }: CustomResourceDefinition): boolean {
  if (metadata?.deletionTimestamp !== undefined) return true
  if (!isConditionTrue(status?.conditions, 'Established')) return true
  if (!isConditionTrue(status?.conditions, 'NamesAccepted')) return true
  if (!jsonEqual(spec.names, status?.acceptedNames)) return true
  return /(^|\.)(k8s|kubernetes)\.io$/.test(spec.group) || spec.preserveUnknownFields === true
}

/** Whether a change of a definition changes nothing of what is served by it. */
function isSameService(known: Known, stored: StoredObject, outline: CustomResourceDefinition): boolean {
  const { stored: before, outline: previous } = known
  if (previous.metadata?.uid !== outline.metadata?.uid) return false
  if (!jsonEqual(previous.status?.acceptedNames, outline.status?.acceptedNames)) return false
  const wasAccepted = acceptance(previous)
  if (wasAccepted !== acceptance(outline)) return false
  // The generation counts the versions of the spec, schemas included.
  return outline.metadata?.generation === previous.metadata?.generation && stored.type === before.type
}

function acceptance({ status }: CustomResourceDefinition): boolean {
  return (
    isConditionTrue(status?.conditions, 'NamesAccepted') || isConditionTrue(status?.conditions, 'Established')
  )
}

function resourceOf({ spec, status }: CustomResourceDefinition) {
  return {
    ...customResourceDefinitions,
    group: spec.group,
    resource: status?.acceptedNames?.plural || spec.names.plural,
  }
}
