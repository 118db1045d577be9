import { jsonEqual } from '../equal.ts'
import type { JsonValue, KubernetesObject, ManagedFieldsEntry } from '../meta.ts'
import { formatTime } from '../time.ts'
import { capUpdateManagers } from './cap-managers.ts'
import { difference, isEmptySet, union } from './field-set.ts'
import { decodeManagersLeniently, encodeManagers, identifierOf, type Manager } from './managers.ts'
import { rememberReconciled } from './reconcile.ts'
import { strippedFields } from './stripped-fields.ts'
import { TypedValueError } from './typed.ts'
import { trackUpdate, type Versioning } from './updater.ts'

/** What is the same for all writes to a resource in one version. */
export interface ManagedResource extends Versioning {
  /** `status`, `scale`, ... when the write goes through one. */
  readonly subresource?: string | undefined
}

export interface ManagedUpdate extends ManagedResource {
  /** What is stored; undefined on create. */
  readonly live: KubernetesObject | undefined
  /** What is about to be stored. Its managedFields are what the client sent: usually unchanged, perhaps none. */
  readonly next: KubernetesObject
  /** Who writes; `unknown` when empty. */
  readonly manager: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * The managedFields of an object after a create, update or patch that is no apply: the writer owns what it changed,
 * what it took from others is no longer theirs. Only a change moves the time of an entry. Undefined for none: objects
 * whose managedFields were cleared are not tracked again until they are applied.
 */
export function updateManagedFields(update: ManagedUpdate): readonly ManagedFieldsEntry[] | undefined {
  const { live, next } = update
  const managers = managersOf(live, next, !!update.subresource)
  const isCreate = !live?.metadata?.uid
  if (managers.size === 0 && !isCreate) return undefined
  try {
    recordUpdate(managers, live ?? {}, next, update)
  } catch (error) {
    // An object that does not fit its schema cannot be tracked; upstream drops the managed fields too.
    if (error instanceof TypedValueError) return undefined
    throw error
  }
  return encodeManagers(managers)
}

/** Clients may rewrite or reset managedFields, but not through subresources, and not by leaving them out. */
function managersOf(
  live: KubernetesObject | undefined,
  next: KubernetesObject,
  isSubresource: boolean,
): Map<string, Manager> {
  const stored = live?.metadata?.managedFields
  const sent = next.metadata?.managedFields
  if (isSubresource || jsonEqual(stored, sent)) return decodeManagersLeniently(stored)
  if (sent && isReset(sent)) return new Map()
  const managers = decodeManagersLeniently(sent)
  return managers.size === 0 ? decodeManagersLeniently(stored) : managers
}

function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  const [first, ...more] = entries
  return more.length === 0 && (first === undefined || jsonEqual(first, {}))
}

/** Notes in `managers` that an update changed `live` into `next`. */
export function recordUpdate(
  managers: Map<string, Manager>,
  live: KubernetesObject,
  next: KubernetesObject,
  options: ManagedResource & { readonly manager: string; readonly now: number },
): void {
  const writer = {
    manager: options.manager === '' ? 'unknown' : options.manager,
    operation: 'Update',
    apiVersion: options.apiVersion,
    subresource: options.subresource ?? '',
    fields: {},
  } as const
  // A name that no entry has: what the writer owned before is taken from it first, like from everybody else.
  const identifier = 'current-operation'
  trackUpdate(comparable(live), comparable(next), managers, { ...writer, identifier }, options)
  const changed = managers.get(identifier)
  managers.delete(identifier)
  const fields = changed ? difference(changed.fields, strippedFields) : {}
  if (!isEmptySet(fields)) {
    const writerIdentifier = identifierOf(writer)
    const previous = managers.get(writerIdentifier)
    const owned = previous ? union(previous.fields, fields) : fields
    rememberReconciled(owned, options.schema)
    managers.set(writerIdentifier, {
      ...writer,
      fields: owned,
      time: formatTime(options.now),
      ...(previous?.entry && { entry: previous.entry }),
    })
  }
  capUpdateManagers(managers)
}

/** Nobody owns managedFields, so they need not be compared. */
function comparable(object: KubernetesObject): JsonValue {
  const { metadata } = object
  const without = metadata?.managedFields
    ? { ...object, metadata: { ...metadata, managedFields: undefined } }
    : object
  return without as unknown as JsonValue
}
