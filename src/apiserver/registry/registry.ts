import type { ResourceDefinition } from '../../api/definition.ts'
import { applyDefaults } from '../../api/apply-defaults.ts'
import { planOf, zeroObject } from '../../api/decode-plan.ts'
import { decode } from '../../api/decode.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Random } from '../../machinery/random.ts'
import { badRequest, invalid, notFound } from '../../machinery/status-errors.ts'
import { invalid as invalidField } from '../../machinery/field-error.ts'
import type { Store } from '../../store/store.ts'
import { listQuery, parseRevision, revisionSyntaxError } from '../storage/list-query.ts'
import { ObjectStorage } from '../storage/object-storage.ts'
import { meetsAll, type Selection } from '../storage/selection.ts'
import { registryRoot, type StoreFeed } from '../storage/store-feed.ts'
import { storedType, type StoredObject } from '../storage/stored-object.ts'
import type { ListPage } from '../storage/list-page.ts'
import { WatchCache, type WatchStart } from '../storage/watch-cache.ts'
import type { Watcher } from '../storage/watcher.ts'
import type { AdmissionChain } from './admission-chain.ts'
import { FieldManagement } from './field-management.ts'
import { checkListOptions, checkWatchOptions, selectionOf } from './list-options.ts'
import { readObject } from './read-object.ts'
import type { Body, GetOptions, ListOptions, RequestScope, WriteOptions } from './request.ts'
import { ServedResource } from './served-resource.ts'
import type { UpdateRules } from './update-rules.ts'
import type { WriteHooks } from './write-hooks.ts'

/** What all registries of an API server share. */
export interface RegistryContext {
  readonly store: Store
  readonly feed: StoreFeed
  readonly clock: Clock
  readonly random: Random
  readonly admission: AdmissionChain
  /** The revision before which objects were perhaps written with other defaults than today's. Default: none were. */
  readonly defaultsSince?: bigint
}

/** The objects of one resource: where they stand, how they are read, and what their writes have in common. */
export class Registry {
  readonly definition: ResourceDefinition
  readonly context: RegistryContext
  readonly cache: WatchCache
  readonly storage: ObjectStorage
  readonly fields: FieldManagement
  readonly hooks: WriteHooks
  /** The stored version. */
  readonly served: ServedResource
  /** All versions, the stored one first. */
  readonly versions: readonly ServedResource[]
  /** Those, and others that managed fields may be in. */
  readonly managedVersions: readonly ServedResource[]
  /** Whether objects have a metadata.generation. */
  readonly tracksGeneration: boolean
  #supportedFields: ReadonlySet<string> | undefined

  constructor(context: RegistryContext, definition: ResourceDefinition, hooks: WriteHooks = {}) {
    const { group, resource } = definition.resource
    this.context = context
    this.definition = definition
    this.hooks = hooks
    this.served = new ServedResource(this)
    const others = definition.alsoServedAs ?? []
    this.versions = [this.served, ...others.map((conversion) => new ServedResource(this, conversion))]
    const hidden = definition.notServedAs ?? []
    this.managedVersions =
      hidden.length === 0
        ? this.versions
        : [...this.versions, ...hidden.map((conversion) => new ServedResource(this, conversion))]
    const type = storedType(definition.resource, this.#storedForm())
    const prefix = `${registryRoot}${group === '' ? 'core' : group}/${resource}/`
    this.cache = new WatchCache(type, prefix, context.store, context.feed)
    this.storage = new ObjectStorage(context.store, this.cache)
    const { tracksGeneration, raisesGeneration } = definition.strategy
    this.tracksGeneration =
      tracksGeneration ?? (!!raisesGeneration || Object.hasOwn(this.served.schema.fields, 'spec'))
    this.fields = new FieldManagement(this)
  }

  /** Of Kubernetes' own kinds: what was written with the defaults of another time gets those of today. */
  #storedForm(): Parameters<typeof storedType>[1] {
    const { definition, context } = this
    if (definition.isCustom) return definition
    return {
      ...(definition.selectableFields && {
        selectableFields: (object: KubernetesObject) => definition.selectableFields!(object),
      }),
      ...(definition.bulkyField !== undefined && { bulkyField: definition.bulkyField }),
      normalizedSince: context.defaultsSince ?? 0n,
      normalize: (stored) => {
        const object = decode(stored, this.served.schema) as Writable<KubernetesObject>
        applyDefaults(object, this.served.schema)
        definition.strategy.defaults?.(object)
        return object
      },
    }
  }

  get groupResource(): { readonly group: string; readonly resource: string } {
    return this.definition.resource
  }

  get groupKind(): { readonly group: string; readonly kind: string } {
    return this.definition.resource
  }

  /** Namespaces are cluster-scoped, but requests for them count as requests in them. */
  get isNamespaces(): boolean {
    const { group, resource } = this.definition.resource
    return group === '' && resource === 'namespaces'
  }

  /** Of writes in the stored version. */
  get rules(): UpdateRules {
    return this.served.rules
  }

  get statusRules(): UpdateRules {
    return this.served.statusRules
  }

  keyOf(namespace: string, name: string): string {
    return this.definition.resource.namespaced ? `${namespace}/${name}` : name
  }

  /** The object in a request's body, in the working version, with all defaults. */
  decode(scope: RequestScope, body: Body, options: WriteOptions): Writable<KubernetesObject> {
    const { resource, schema } = scope.served
    return this.complete(scope.served, readObject({ kind: resource, schema }, body, options, scope))
  }

  /** A decoded object of a served version in the working version, with computed defaults. */
  complete(served: ServedResource, object: Writable<KubernetesObject>): Writable<KubernetesObject> {
    const working = served.toWorking(object)
    served.strategy.defaults?.(working, this.context.clock.now())
    return working
  }

  /** What a client may not choose for a new object of a kind with status: an empty one. */
  clearStatus({ strategy, isCustom }: ServedResource, object: Writable<KubernetesObject>): void {
    if (!strategy.status || strategy.status.isSetOnCreate) return
    const holder = object as { status?: unknown }
    const field = isCustom ? undefined : this.served.schema.fields['status']
    if (field?.alwaysSerialized) holder.status = zeroObject(planOf(field.schema))
    else delete holder.status
  }

  /** Ends all watches; the objects stay in the store. */
  close(): void {
    this.cache.close()
  }

  async get(scope: RequestScope, name: string, { resourceVersion = '' }: GetOptions): Promise<StoredObject> {
    if (resourceVersion === '') await this.context.feed.fresh()
    else if (resourceVersion !== '0') await this.context.feed.waitFor(revisionOf(resourceVersion))
    if (this.cache.hasUnreadable) await this.cache.retry({ namespace: scope.namespace, name })
    const stored = this.cache.get(this.keyOf(scope.namespace, name))
    if (!stored) throw notFound(this.groupResource, name)
    return stored
  }

  async list(scope: RequestScope, options: ListOptions): Promise<ListPage> {
    checkListOptions(options)
    const selection = this.selection(scope, options)
    return this.cache.list(selection, listQuery(selection, options))
  }

  async watch(scope: RequestScope, options: ListOptions): Promise<Watcher> {
    checkWatchOptions(options)
    return this.cache.watch(this.selection(scope, options), await this.#watchStart(options))
  }

  /** Ends a watch `timeoutMs` from now, so that a client that goes on from its last event misses nothing. */
  limitWatch(watcher: Watcher, timeoutMs: number): void {
    const cancel = this.context.clock.after(timeoutMs, () => {
      watcher.bookmark(this.cache.revision.toString())
      watcher.end()
    })
    watcher.onEnd(cancel)
  }

  /** Source: Kubernetes' API concepts, "Semantics for watch", and k8s.io/apiserver/pkg/storage/cacher. */
  async #watchStart(options: ListOptions): Promise<WatchStart> {
    const { resourceVersion = '', sendInitialEvents, allowWatchBookmarks = false } = options
    if (resourceVersion === '') await this.context.feed.fresh()
    const given = resourceVersion === '' ? 0n : parseRevision(resourceVersion)
    if (given === undefined) {
      const detail = revisionSyntaxError(resourceVersion)
      const { group, resource } = this.definition.resource
      throw invalid({ group, kind: resource }, '', [invalidField('resourceVersion', resourceVersion, detail)])
    }
    const wantsState = sendInitialEvents ?? given === 0n
    return {
      type: wantsState ? 'state' : 'changes',
      revision: given === 0n && !wantsState ? this.cache.revision : given,
      wantsBookmarks: allowWatchBookmarks,
      markInitialEventsEnd: wantsState && allowWatchBookmarks,
    }
  }

  /** Which objects a list or a watch is about. Throws BadRequest. */
  selection(scope: RequestScope, options: ListOptions): Selection {
    const namespace = this.definition.resource.namespaced ? scope.namespace : ''
    const { fieldLabels } = scope.served
    const selection = selectionOf(
      this.definition,
      namespace,
      options,
      () => this.#fieldsSupported(),
      fieldLabels,
    )
    return this.#selectAsShown(scope.served, selection)
  }

  /** Custom resources are selected by their fields as the version shows them that the client asked for. */
  #selectAsShown(served: ServedResource, { fields, ...selection }: Selection): Selection {
    const { isCustom, selectableFields } = this.definition
    if (!fields || !isCustom || !selectableFields || served.sendsStored) {
      return fields ? { ...selection, fields } : selection
    }
    return {
      ...selection,
      refine: async (objects) => {
        await served.prepare(objects)
        return (stored) => {
          const { namespace, name } = stored
          const values = selectableFields(served.show(stored))
          return meetsAll(fields, { ...values, 'metadata.namespace': namespace, 'metadata.name': name })
        }
      },
    }
  }

  #fieldsSupported(): ReadonlySet<string> {
    this.#supportedFields ??= new Set(
      Object.keys(this.definition.selectableFields?.(this.#emptyObject()) ?? {}),
    )
    return this.#supportedFields
  }

  #emptyObject(): KubernetesObject {
    return zeroObject(planOf(this.served.schema)) as KubernetesObject
  }
}

function revisionOf(resourceVersion: string): bigint {
  const revision = parseRevision(resourceVersion)
  if (revision === undefined) {
    throw badRequest(`invalid resource version: ${revisionSyntaxError(resourceVersion)}`)
  }
  return revision
}
