import { onlyFields, withoutFields, type FieldFilter } from '../../machinery/apply/field-filters.ts'
import { applyPatch } from '../../machinery/apply/apply-patch.ts'
import { withoutTimeChanges } from '../../machinery/apply/managed-fields-times.ts'
import { managedFieldsFault } from '../../machinery/apply/managers.ts'
import { updateManagedFields, type ManagedResource } from '../../machinery/apply/update-managed-fields.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type {
  JsonValue,
  KubernetesObject,
  ManagedFieldsEntry,
  ObjectMeta,
  Writable,
} from '../../machinery/meta.ts'
import { metadataOf } from './object-meta.ts'
import type { Registry } from './registry.ts'
import type { PatchOptions, RequestScope, WriteOptions } from './request.ts'
import type { ServedResource } from './served-resource.ts'

/** Who manages which fields of the objects of one resource: machinery/apply, for the requests that a registry serves. */
export class FieldManagement {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Sets managedFields of `object`, which a create or an update is about to write in the place of `live`. */
  onUpdate(
    scope: RequestScope,
    live: KubernetesObject | undefined,
    object: Writable<KubernetesObject>,
    options: WriteOptions,
  ): void {
    const { served } = scope
    const before = live && served.fromWorking(live)
    const next = served.fromWorking(object)
    const managed = this.#managed(scope)
    const isOfStatus = before && scope.subresource === 'status' && managed.filter
    const managedFields = updateManagedFields({
      ...managed,
      live: before,
      next: isOfStatus ? withSpecOf(before, next) : next,
      manager: managerOf(scope, options),
      now: this.#registry.context.clock.now(),
    })
    setManagedFields(metadataOf(object), managedFields)
  }

  /** What a server-side apply makes of `live`, in the served version. Throws the conflict with other managers. */
  apply(
    scope: RequestScope,
    live: KubernetesObject | undefined,
    patch: KubernetesObject,
    options: PatchOptions,
  ): KubernetesObject {
    const { served } = scope
    return applyPatch({
      ...this.#managed(scope),
      live: live && served.fromWorking(live),
      patch,
      kind: served.resource.kind,
      manager: managerOf(scope, options),
      force: options.force,
      now: this.#registry.context.clock.now(),
    })
  }

  /** Puts managedFields back that admission has made unreadable, with a warning. */
  checkAdmitted(
    object: Writable<KubernetesObject>,
    before: readonly ManagedFieldsEntry[] | undefined,
    warn: (message: string) => void,
  ): void {
    const metadata = metadataOf(object)
    const { managedFields } = metadata
    if (managedFields === before || jsonEqual(managedFields, before)) return
    const fault = managedFieldsFault(managedFields)
    if (fault === undefined) return
    setManagedFields(metadata, before)
    warn(
      '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating ' +
        `admission controller; please fix your requests: ${fault}`,
    )
  }

  /** Keeps the times in managedFields where nothing else has changed, so that the write is none. */
  keepTimestamps(
    served: ServedResource,
    object: Writable<KubernetesObject>,
    previous: KubernetesObject,
  ): void {
    const kept = withoutTimeChanges<KubernetesObject>(object, previous, served.workingSchema)
    if (kept !== object) setManagedFields(metadataOf(object), kept.metadata?.managedFields)
  }

  #managed({ served, subresource }: RequestScope): ManagedResource {
    return {
      apiVersion: served.apiVersion,
      schema: served.schema,
      subresource,
      filter: filterFor(served, subresource),
      inVersion: (object, apiVersion) => this.#inVersion(served, object, apiVersion),
    }
  }

  #inVersion(served: ServedResource, object: JsonValue, apiVersion: string) {
    const target = this.#registry.managedVersions.find((version) => version.apiVersion === apiVersion)
    if (!target) return undefined
    if (target === served) return { object, schema: served.schema }
    const shown = object as unknown as KubernetesObject
    return { object: inOtherVersion(served, shown, target) as unknown as JsonValue, schema: target.schema }
  }
}

/** Nobody comes to own a spec by writing a status: what stands there need not be compared, nor found to be the same. */
function withSpecOf(live: KubernetesObject, next: KubernetesObject): KubernetesObject {
  return 'spec' in live ? ({ ...next, spec: live.spec } as KubernetesObject) : next
}

function inOtherVersion(
  served: ServedResource,
  shown: KubernetesObject,
  target: ServedResource,
): KubernetesObject {
  if (served.isCustom) return served.inVersion(shown, target)
  const stored = served.conversion ? served.conversion.toStored(shown) : shown
  return target.fromWorking(stored)
}

/** Nobody comes to own, through a way of writing, what that way resets. */
function filterFor({ strategy, isCustom }: ServedResource, subresource: string): FieldFilter | undefined {
  if (!strategy.status) return undefined
  if (subresource === 'status')
    return statusFilters[isCustom ? 'all' : (strategy.status.keptMetadata ?? 'none')]
  return filters[subresource] ?? (subresource === '' ? withoutStatus : undefined)
}

const withoutStatus = withoutFields(['status'])
/** By what of the metadata is kept. Of a custom resource, its status is written without its metadata. */
const statusFilters = {
  none: withoutFields(['spec']),
  labels: withoutFields(['spec'], ['metadata', 'labels']),
  all: withoutFields(['spec'], ['metadata']),
} as const

const filters: Readonly<Record<string, FieldFilter>> = {
  ephemeralcontainers: onlyFields(['spec', 'ephemeralContainers']),
}

export function setManagedFields(
  metadata: Writable<ObjectMeta>,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): void {
  if (managedFields) metadata.managedFields = managedFields as Writable<ManagedFieldsEntry>[]
  else delete metadata.managedFields
}

const maxManagerLength = 128

/** Who writes: as the request says, else the first word of the user agent. */
export function managerOf({ userAgent }: RequestScope, { fieldManager }: WriteOptions): string {
  if (fieldManager) return fieldManager
  const [product = ''] = userAgent.split('/', 1)
  return product.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').slice(0, maxManagerLength)
}
