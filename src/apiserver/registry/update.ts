import { jsonEqual } from '../../machinery/equal.ts'
import { invalid as invalidField, path, type FieldError } from '../../machinery/field-error.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { conflict, invalid, notFound } from '../../machinery/status-errors.ts'
import { validateObjectMetaUpdate } from '../../machinery/validation/object-meta.ts'
import type { ObjectView } from '../admission/plugin.ts'
import type { Change } from '../storage/object-storage.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { admissionRequest, optionsObject } from './admission-chain.ts'
import { definitionTtl, mutate, prepareNewObject } from './create.ts'
import { ensureNamespace, finalizerErrors, metadataErrors, metadataOf } from './object-meta.ts'
import type { Registry } from './registry.ts'
import { isDryRun, type RequestScope, type WriteOptions } from './request.ts'
import type { UpdateRules } from './update-rules.ts'
import { isTooLarge } from './store-failure.ts'
import { Undoing } from './write-hooks.ts'

/** One way to change an object: PUT, a kind of patch, a subresource. */
export interface Update {
  readonly name: string
  readonly options: WriteOptions
  readonly rules: UpdateRules
  /**
   * Makes the object that is wanted of the one that stands there; anew for each try, since another writer may have been
   * faster. Managed fields are set, admission has not run.
   */
  make(
    existing: KubernetesObject | undefined,
  ): Writable<KubernetesObject> | Promise<Writable<KubernetesObject>>
  /** The uid that the object must have. */
  readonly uid?: string | undefined
  /** An object that is not there is created. */
  readonly createsMissing: boolean
  /** It is an apply, whose managedFields are its point: what is too large with them is refused. */
  readonly isApply?: boolean
  /** How webhooks and policies see the object, where the request's body is of another kind. */
  readonly view?: ObjectView
}

export type Updated =
  | { readonly type: 'stored'; readonly created: boolean; readonly stored: StoredObject }
  /** Not in the store: the result of a dry run, or an object that went with its last finalizer. */
  | { readonly type: 'object'; readonly created: boolean; readonly object: KubernetesObject }

/** Carries out an update; what is too large may fit without managedFields, which can be large and need not be there. */
export async function updateObject(
  registry: Registry,
  scope: RequestScope,
  update: Update,
): Promise<Updated> {
  try {
    return await tryUpdate(registry, scope, update)
  } catch (error) {
    if (!isTooLarge(error) || update.isApply) throw error
    return tryUpdate(registry, scope, {
      ...update,
      async make(existing) {
        const object = await update.make(existing)
        delete metadataOf(object).managedFields
        return object
      },
    })
  }
}

/** The one way of every change of an object: make, mutate, prepare, validate, admit, store, and again on conflict. */
async function tryUpdate(registry: Registry, scope: RequestScope, update: Update): Promise<Updated> {
  await registry.definition.loadWrites?.()
  let undoing = new Undoing()
  let unstored: { readonly created: boolean; readonly object: KubernetesObject } | undefined
  try {
    const result = await registry.storage.change(
      registry.keyOf(scope.namespace, update.name),
      async (existing) => {
        await undoing.undo()
        undoing = new Undoing()
        unstored = undefined
        const change = existing
          ? await changeExisting(registry, scope, update, existing, undoing)
          : await createMissing(registry, scope, update, undoing)
        if (change.type === 'keep') return change
        if (change.type === 'write' && !isDryRun(update.options)) {
          return { ...change, object: await scope.served.toStored(change.object) }
        }
        unstored = { created: !existing, object: change.object }
        return isDryRun(update.options) ? { type: 'keep' } : { type: 'delete' }
      },
    )
    await undoing.commit()
    if (result?.type === 'deleted') await registry.hooks.afterDelete?.(result.stored.object)
    if (unstored) return { type: 'object', ...unstored }
    return { type: 'stored', created: result!.type === 'created', stored: result!.stored }
  } catch (error) {
    await undoing.undo()
    throw error
  }
}

type Wanted =
  | Exclude<Change<KubernetesObject>, { type: 'delete' }>
  | { readonly type: 'remove'; readonly object: Writable<KubernetesObject> }

async function createMissing(
  registry: Registry,
  scope: RequestScope,
  update: Update,
  undoing: Undoing,
): Promise<Wanted> {
  const { name, options } = update
  if (!update.createsMissing) throw notFound(registry.groupResource, name)
  if (update.uid) throw uidConflict(registry, scope, name, update.uid, '')
  const object = await update.make(undefined)
  const admission = admissionRequest(scope, {
    operation: 'CREATE',
    isUpsert: true,
    name,
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: isDryRun(options),
  })
  await mutate(registry, scope, object, admission)
  await scope.authorizeCreate(name)
  await prepareNewObject(registry, scope, object, admission, undoing)
  return { type: 'write', object, ttlSeconds: definitionTtl(registry) }
}

async function changeExisting(
  registry: Registry,
  scope: RequestScope,
  update: Update,
  existing: StoredObject,
  undoing: Undoing,
): Promise<Wanted> {
  const { name, options, rules } = update
  const previous = await scope.served.working(existing)
  const uid = previous.metadata?.uid ?? ''
  if (update.uid && update.uid !== uid) throw uidConflict(registry, scope, name, update.uid, uid)
  const object = await update.make(previous)
  const admission = admissionRequest(scope, {
    operation: 'UPDATE',
    name,
    object,
    oldObject: previous,
    options: optionsObject('UpdateOptions', options),
    dryRun: isDryRun(options),
    view: update.view,
  })
  await mutate(registry, scope, object, admission)
  checkResourceVersion(registry, object, existing)
  prepareUpdate(registry, scope, object, previous, rules)
  undoing.claim(await registry.hooks.beforeUpdate?.(object, previous, admission.dryRun))
  await registry.definition.strategy.load?.(object)
  const faults = (await registry.hooks.validate?.({ object, previous, scope })) ?? []
  validateUpdate(registry, scope, object, previous, rules, faults)
  registry.fields.keepTimestamps(scope.served, object, previous)

  await registry.context.admission.validate(admission)
  undoing.onFailure(() => registry.context.admission.release(admission))
  if (losesLastFinalizer(object, previous) && !registry.hooks.holdsBack?.(object)) {
    return { type: 'remove', object }
  }
  if (jsonEqual(object, previous) && !registry.storage.isStale(existing)) return { type: 'keep' }
  return { type: 'write', object, ttlSeconds: definitionTtl(registry) }
}

function checkResourceVersion(
  registry: Registry,
  object: Writable<KubernetesObject>,
  existing: StoredObject,
): void {
  const metadata = metadataOf(object)
  const wanted = metadata.resourceVersion
  if (wanted === existing.resourceVersion) return
  if (wanted && wanted !== '0') throw conflict(registry.groupResource, metadata.name ?? '')
  if (registry.definition.strategy.allowUnconditionalUpdate === false) {
    const { group, resource } = registry.definition.resource
    throw invalid({ group, kind: resource }, metadata.name ?? '', [
      invalidField(path('metadata', 'resourceVersion'), 0, 'must be specified for an update'),
    ])
  }
  metadata.resourceVersion = existing.resourceVersion
}

/** Source: k8s.io/apiserver/pkg/registry/rest/update.go. */
function prepareUpdate(
  registry: Registry,
  scope: RequestScope,
  object: Writable<KubernetesObject>,
  previous: KubernetesObject,
  rules: UpdateRules,
): void {
  const { definition } = registry
  const metadata = metadataOf(object)
  const before = previous.metadata ?? {}
  ensureNamespace(definition, metadata, scope.namespace)
  if (before.generation) metadata.generation = before.generation
  else delete metadata.generation
  rules.prepare(object, previous)
  metadata.uid ||= before.uid ?? ''
  if (before.creationTimestamp) metadata.creationTimestamp = before.creationTimestamp
  if (before.deletionTimestamp) metadata.deletionTimestamp = before.deletionTimestamp
  if (before.deletionGracePeriodSeconds !== undefined) {
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds
  }
}

function validateUpdate(
  registry: Registry,
  scope: RequestScope,
  object: Writable<KubernetesObject>,
  previous: KubernetesObject,
  rules: UpdateRules,
  faults: readonly FieldError[],
): void {
  const metadata = metadataOf(object)
  const errors = [
    ...faults,
    ...metadataErrors(registry.definition, metadata),
    ...validateObjectMetaUpdate(metadata, previous.metadata ?? {}),
    ...finalizerErrors(registry.definition, metadata),
    ...rules.validate(object, previous),
  ]
  if (errors.length > 0) throw invalid(registry.groupKind, metadata.name ?? '', errors)
  for (const warning of rules.warnings?.(object, previous) ?? []) scope.warn(warning)
}

/** An object that waits for its finalizers, and for no grace period, goes when the last one is removed. */
function losesLastFinalizer(object: KubernetesObject, previous: KubernetesObject): boolean {
  if (object.metadata?.finalizers?.length) return false
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = previous.metadata ?? {}
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0
}

function uidConflict(
  registry: Registry,
  scope: RequestScope,
  name: string,
  wanted: string,
  found: string,
): Error {
  const key = registry.cache.prefix + registry.keyOf(scope.namespace, name)
  return conflict(
    registry.groupResource,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
      `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`,
  )
}
