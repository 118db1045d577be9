import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { generateName } from '../../machinery/names.ts'
import { alreadyExists, generateNameConflict, invalid } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { validateWriteOptions } from '../../machinery/validation/options.ts'
import { formatTime } from '../../machinery/time.ts'
import { KeyExistsError } from '../storage/object-storage.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { admissionRequest, optionsObject, type OpenAdmissionRequest } from './admission-chain.ts'
import {
  clearSystemFields,
  ensureNamespace,
  finalizerErrors,
  metadataErrors,
  metadataOf,
} from './object-meta.ts'
import { deduplicateOwnerReferences } from './owner-references.ts'
import type { Registry } from './registry.ts'
import { isDryRun, type Body, type RequestScope, type WriteOptions } from './request.ts'
import { isTooLarge } from './store-failure.ts'
import { Undoing } from './write-hooks.ts'

const maxNameAttempts = 8

/** What a create leaves behind: an object in the store, or after a dry run one that never was. */
export type Created =
  | { readonly type: 'stored'; readonly stored: StoredObject }
  | { readonly type: 'dryRun'; readonly object: KubernetesObject }

/** POST of a new object: decode, default, mutate, prepare, validate, admit, store. */
export async function createObject(
  registry: Registry,
  scope: RequestScope,
  body: Body,
  options: WriteOptions,
): Promise<Created> {
  checkCreateOptions(options)
  const { definition } = registry
  await definition.loadWrites?.()
  const object = registry.decode(scope, body, options)
  const metadata = metadataOf(object)
  clearSystemFields(metadata)
  const namespace = scope.namespace === '' && registry.isNamespaces ? (metadata.name ?? '') : scope.namespace
  ensureNamespace(definition, metadata, scope.namespace)
  deduplicateOwnerReferences(metadata, false, scope.warn)
  registry.fields.onUpdate(scope, undefined, object, options)

  const admission = admissionRequest(scope, {
    operation: 'CREATE',
    name: metadata.name ?? '',
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: isDryRun(options),
  })
  admission.namespace = namespace
  await mutate(registry, scope, object, admission)

  const undoing = new Undoing()
  try {
    await prepareNewObject(registry, scope, object, admission, undoing)
    const created = await store(registry, scope, object, options)
    await undoing.commit()
    return created
  } catch (error) {
    await undoing.undo()
    throw error
  }
}

export function checkCreateOptions(options: WriteOptions): void {
  const errors = validateWriteOptions(options)
  if (errors.length > 0) throw invalid('CreateOptions.meta.k8s.io', '', errors)
}

/** Mutating admission, and what it may not do. */
export async function mutate(
  registry: Registry,
  scope: RequestScope,
  object: Writable<KubernetesObject>,
  admission: OpenAdmissionRequest,
): Promise<void> {
  const { managedFields } = metadataOf(object)
  await registry.context.admission.mutate(admission)
  registry.fields.checkAdmitted(object, managedFields, scope.warn)
  deduplicateOwnerReferences(metadataOf(object), true, scope.warn)
}

/**
 * Everything between mutating admission and the store for an object that is not there yet. What it reserves is in
 * `undoing`.
 */
export async function prepareNewObject(
  registry: Registry,
  scope: RequestScope,
  object: Writable<KubernetesObject>,
  admission: OpenAdmissionRequest,
  undoing: Undoing,
): Promise<void> {
  const { definition, hooks, context } = registry
  const { strategy } = scope.served
  const metadata = metadataOf(object)
  metadata.creationTimestamp = formatTime(context.clock.now())
  metadata.uid = context.random.uuid()
  if (!metadata.name && metadata.generateName) {
    metadata.name = freeName(registry, metadata.generateName, scope.namespace)
  }
  admission.name = metadata.name ?? ''
  ensureNamespace(definition, metadata, scope.namespace)
  if (registry.tracksGeneration) metadata.generation = 1
  else delete metadata.generation
  registry.clearStatus(scope.served, object)
  strategy.prepareForCreate?.(object, { user: scope.user, warn: (text) => scope.warn(text) })
  undoing.claim(await hooks.beforeCreate?.(object, admission.dryRun))

  await strategy.load?.(object)
  const errors = [
    ...((await hooks.validate?.({ object, scope })) ?? []),
    ...metadataErrors(definition, metadata),
    ...finalizerErrors(definition, metadata),
    ...(strategy.validate?.(object) ?? []),
    ...(scope.served.conversion?.validateNew?.(object) ?? []),
  ]
  if (errors.length > 0) throw invalid(registry.groupKind, metadata.name ?? '', errors)
  for (const warning of strategy.warnings?.(object) ?? []) scope.warn(warning)

  await context.admission.validate(admission)
  undoing.onFailure(() => context.admission.release(admission))
}

async function store(
  registry: Registry,
  scope: RequestScope,
  object: Writable<KubernetesObject>,
  options: WriteOptions,
): Promise<Created> {
  const metadata = metadataOf(object)
  if (metadata.resourceVersion && metadata.resourceVersion !== '0') {
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created')
  }
  const key = registry.keyOf(scope.namespace, metadata.name!)
  try {
    if (isDryRun(options)) {
      const found = await registry.storage.read(key)
      if (found) throw new KeyExistsError(found)
      return { type: 'dryRun', object: object }
    }
    return {
      type: 'stored',
      stored: await createWithoutExcess(registry, key, await scope.served.toStored(object)),
    }
  } catch (error) {
    if (error instanceof KeyExistsError) throw existsError(registry, metadata, error)
    throw error
  }
}

/** What is too large may fit without managedFields, which can be large and need not be there. */
async function createWithoutExcess(
  registry: Registry,
  key: string,
  object: Writable<KubernetesObject>,
): Promise<StoredObject> {
  const ttlSeconds = definitionTtl(registry)
  const metadata = metadataOf(object)
  try {
    return await registry.storage.create(key, object, ttlSeconds)
  } catch (error) {
    if (!isTooLarge(error) || !metadata.managedFields) throw error
    delete metadata.managedFields
    return registry.storage.create(key, object, ttlSeconds)
  }
}

export function definitionTtl(registry: Registry): number | undefined {
  return registry.definition.ttlSeconds
}

function existsError(registry: Registry, metadata: ObjectMeta, error: KeyExistsError): StatusError {
  const { name = '', generateName } = metadata
  const failure = generateName
    ? generateNameConflict(registry.groupResource, name, 1)
    : alreadyExists(registry.groupResource, name)
  if (!error.found?.object.metadata?.deletionTimestamp) return failure
  const { code, reason, message, details } = failure.status
  return new StatusError(code, reason, `object is being deleted: ${message}`, details)
}

function freeName(registry: Registry, base: string, namespace: string): string {
  for (let attempt = 1; ; attempt++) {
    const name = generateName(base, registry.context.random)
    if (attempt === maxNameAttempts || !registry.cache.get(registry.keyOf(namespace, name))) return name
  }
}
