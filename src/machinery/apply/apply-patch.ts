import { jsonEqual } from '../equal.ts'
import type { JsonValue, KubernetesObject, ManagedFieldsEntry } from '../meta.ts'
import { parseApiVersion } from '../resource.ts'
import { badRequest } from '../status-errors.ts'
import { StatusError } from '../status.ts'
import { formatTime } from '../time.ts'
import { conflictError, type Conflict } from './conflicts.ts'
import { difference, hasPath, isEmptySet } from './field-set.ts'
import { clientSideApplier, fieldsOfLastApplied, lastAppliedOf, withLastApplied } from './last-applied.ts'
import { decodeManagers, encodeManagers, identifierOf, type Manager } from './managers.ts'
import { strippedFields } from './stripped-fields.ts'
import { TypedValueError } from './typed.ts'
import { recordUpdate, type ManagedResource } from './update-managed-fields.ts'
import { mergeApplied } from './updater.ts'
import { assertTyped } from './validate-typed.ts'

export interface ApplyPatch extends ManagedResource {
  /** What is stored; undefined when applying creates the object. */
  readonly live: KubernetesObject | undefined
  /** The applied configuration, as decoded from the request: all that its manager wants to own. */
  readonly patch: KubernetesObject
  /** The kind that the URL means. */
  readonly kind: string
  /** Who applies. */
  readonly manager: string
  /** Takes fields from other managers instead of failing. */
  readonly force?: boolean | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Server-side apply: the live object with the configuration merged in, without what its manager applied before and no
 * longer does (unless others own it), and with managedFields brought up to date. Answers with the live object itself
 * when nothing changes. Defaults are the caller's to set on the result: nobody owns them.
 * Throws a StatusError: 409 with the conflicts, 400 for another kind or managedFields in the configuration, 500 without
 * a reason, as upstream, for a configuration that does not fit the type.
 * Source: k8s.io/apimachinery/pkg/util/managedfields.
 */
export function applyPatch(request: ApplyPatch): KubernetesObject {
  const { live, patch, manager, force = false } = request
  assertKind(request)
  const managers = managersBefore(request)
  assertConfiguration(request)
  let outcome = attempt(request, managers, force)
  if (outcome.conflicts) {
    const conflicts = remainingConflicts(request, outcome.conflicts)
    if (conflicts.length > 0) throw conflictError(conflicts)
    outcome = attempt(request, managers, true)
  }
  const { object, managedFields } = outcome as Applied
  const result =
    manager === clientSideApplier && lastAppliedOf(object) !== undefined
      ? withLastApplied(object, patch)
      : object
  return withManagedFields(result, managedFields, live)
}

function assertKind({ patch, apiVersion, kind }: ApplyPatch): void {
  if (patch.apiVersion === apiVersion && patch.kind === kind) return
  throw badRequest(`invalid object type: ${printKind(patch)}`)
}

/** The configuration is as it was sent: what is no text counts as not there. */
function printKind({ apiVersion, kind }: { readonly apiVersion?: unknown; readonly kind?: unknown }): string {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
  const { group, version } = parseApiVersion(textOf(apiVersion)) ?? { group: '', version: '' }
  return `${group}/${version}, Kind=${textOf(kind)}`
}

/** Those of the live object. Where there are none, all that is there belongs to `before-first-apply`. */
function managersBefore(request: ApplyPatch): Map<string, Manager> {
  const { live } = request
  let managers: Map<string, Manager>
  try {
    managers = decodeManagers(live?.metadata?.managedFields)
  } catch (error) {
    throw unexpected(`failed to decode managed fields: ${messageOf(error)}`)
  }
  if (managers.size === 0 && live) {
    recordUpdate(managers, {}, live, { ...request, manager: 'before-first-apply' })
  }
  return managers
}

function assertConfiguration({ patch, schema }: ApplyPatch): void {
  if (patch.metadata?.managedFields?.length) throw badRequest('metadata.managedFields must be nil')
  try {
    assertTyped(patch as unknown as JsonValue, schema)
  } catch (error) {
    if (!(error instanceof TypedValueError)) throw error
    const { namespace = '', name = '' } = patch.metadata ?? {}
    const subject = `${namespace}/${name}; ${printKind(patch)}`
    throw unexpected(`failed to create typed patch object (${subject}): ${error.message}`)
  }
}

interface Applied {
  readonly object: KubernetesObject
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined
  readonly conflicts?: undefined
}

function attempt(
  request: ApplyPatch,
  before: ReadonlyMap<string, Manager>,
  force: boolean,
): Applied | { readonly conflicts: readonly Conflict[] } {
  const managers = new Map(before)
  const applier = {
    manager: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Apply',
    apiVersion: request.apiVersion,
    subresource: request.subresource ?? '',
    fields: {},
  } as const
  const identifier = identifierOf(applier)
  const live = (request.live ?? {}) as unknown as JsonValue
  const patch = request.patch as unknown as JsonValue
  const outcome = mergeApplied(live, patch, managers, { ...applier, identifier }, force, request)
  if (outcome.conflicts) return { conflicts: outcome.conflicts }
  stamp(managers, identifier, before.get(identifier), outcome.object === live ? undefined : request.now)
  return { object: outcome.object as unknown as KubernetesObject, managedFields: encodeManagers(managers) }
}

/** Strips the applier's set, and gives it the time of the last apply that changed the object. */
function stamp(
  managers: Map<string, Manager>,
  identifier: string,
  last: Manager | undefined,
  now: number | undefined,
): void {
  const applied = managers.get(identifier)
  if (!applied) return
  const stripped = difference(applied.fields, strippedFields)
  if (isEmptySet(stripped)) {
    managers.delete(identifier)
    return
  }
  const time = now === undefined ? last?.time : formatTime(now)
  managers.set(identifier, {
    ...applied,
    fields: last && jsonEqual(stripped, last.fields) ? last.fields : stripped,
    ...(time !== undefined && { time }),
    ...(last?.entry?.apiVersion === applied.apiVersion && { entry: last.entry }),
  })
}

/** Whoever moves from client-side to server-side apply with kubectl is in no conflict with its former self. */
function remainingConflicts(request: ApplyPatch, conflicts: readonly Conflict[]): readonly Conflict[] {
  if (request.manager !== clientSideApplier || !request.live) return conflicts
  const allowed = fieldsOfLastApplied(request.live, request)
  return allowed ? conflicts.filter(({ path }) => !hasPath(allowed, path)) : conflicts
}

function withManagedFields(
  object: KubernetesObject,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  live: KubernetesObject | undefined,
): KubernetesObject {
  const stored = live?.metadata?.managedFields
  const isSame =
    managedFields?.length === stored?.length &&
    (managedFields ?? []).every((entry, index) => entry === stored?.[index])
  if (object === live && isSame) return object
  const { managedFields: _, ...metadata } = object.metadata ?? {}
  return { ...object, metadata: { ...metadata, ...(managedFields && { managedFields }) } }
}

/** What upstream's handler passes on as it is: 500 without a reason. */
function unexpected(message: string): StatusError {
  return new StatusError(500, '', message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
