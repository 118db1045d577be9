import { jsonEqual } from '../equal.ts'
import type { JsonValue } from '../meta.ts'
import type { Schema } from '../schema.ts'
import { compareTyped } from './compare.ts'
import { conflictsOf, type Conflict } from './conflicts.ts'
import { difference, intersection, isEmptySet, union, type FieldSet } from './field-set.ts'
import type { Manager } from './managers.ts'
import { mergeTyped } from './merge.ts'
import { withNamedMembers } from './named-members.ts'
import { reconcileWithSchema, rememberReconciled } from './reconcile.ts'
import { removeItems, withoutEmptied } from './remove-items.ts'
import { toFieldSet } from './to-field-set.ts'

/**
 * Keeps track of who owns which fields while objects change, and merges what is applied. Source:
 * structured-merge-diff/merge.Updater. Managers may own fields in other versions of the object than the one written:
 * then the object is converted for them.
 */
export interface Versioning {
  readonly apiVersion: string
  readonly schema: Schema
  /** Fields of the set that writes through this resource can own at all: others are reset by its strategy. */
  readonly filter?: ((fields: FieldSet) => FieldSet) | undefined
  /** The object in another version; undefined when that version no longer exists. */
  readonly inVersion?: ((object: JsonValue, apiVersion: string) => VersionedObject | undefined) | undefined
}

export interface VersionedObject {
  readonly object: JsonValue
  readonly schema: Schema
}

/** After an ordinary write: `identifier` owns what it changed. Changes the map of managers. */
export function trackUpdate(
  live: JsonValue,
  next: JsonValue,
  managers: Map<string, Manager>,
  writer: Manager & { readonly identifier: string },
  versioning: Versioning,
): void {
  dropObsolete(live, managers, versioning)
  const { changed } = takeOver(live, next, managers, undefined, true, versioning)
  const { identifier, ...manager } = writer
  if (!isEmptySet(changed)) managers.set(identifier, { ...manager, fields: changed })
}

export type ApplyOutcome =
  | { readonly conflicts: readonly Conflict[] }
  /** `object` is the live one itself when nothing changes. */
  | { readonly object: JsonValue; readonly conflicts?: undefined }

/** Merges an applied configuration into the live object. Changes the map of managers, also where it ends in conflicts. */
export function mergeApplied(
  live: JsonValue,
  applied: JsonValue,
  managers: Map<string, Manager>,
  applier: Manager & { readonly identifier: string },
  force: boolean,
  versioning: Versioning,
): ApplyOutcome {
  dropObsolete(live, managers, versioning)
  const { identifier, ...manager } = applier
  const last = managers.get(identifier)
  const merged = mergeTyped(live, applied, versioning.schema)
  const fields = filtered(toFieldSet(applied, versioning.schema), versioning)
  managers.set(identifier, { ...manager, fields })
  // Merged once more for empty objects and lists that are applied where pruning left nothing.
  const pruned = last
    ? mergeTyped(prune(merged, last, managers, versioning), applied, versioning.schema)
    : merged
  const { conflicts } = takeOver(live, pruned, managers, identifier, force, versioning)
  if (conflicts.length > 0) return { conflicts }
  return { object: jsonEqual(live, pruned) ? live : pruned }
}

function filtered(fields: FieldSet, { filter }: Versioning): FieldSet {
  return filter ? filter(fields) : fields
}

/** Forgets managers of versions that no longer exist, and follows changes of the schema. */
function dropObsolete(live: JsonValue, managers: Map<string, Manager>, versioning: Versioning): void {
  for (const [identifier, manager] of managers) {
    const versioned = convert(live, manager.apiVersion, versioning)
    if (!versioned) {
      managers.delete(identifier)
      continue
    }
    const fields = reconcileWithSchema(manager.fields, versioned.schema)
    if (fields !== manager.fields) managers.set(identifier, { ...manager, fields })
  }
}

function convert(object: JsonValue, apiVersion: string, versioning: Versioning): VersionedObject | undefined {
  if (apiVersion === versioning.apiVersion) return { object, schema: versioning.schema }
  return versioning.inVersion?.(object, apiVersion)
}

/**
 * Takes what changes between two objects from all managers but `workflow`, or says what they hold on to, unless forced.
 */
function takeOver(
  live: JsonValue,
  next: JsonValue,
  managers: Map<string, Manager>,
  workflow: string | undefined,
  force: boolean,
  versioning: Versioning,
): { readonly changed: FieldSet; readonly conflicts: readonly Conflict[] } {
  const comparisons = new Map<string, Changes | undefined>()
  const compared = (apiVersion: string): Changes | undefined => {
    if (!comparisons.has(apiVersion))
      comparisons.set(apiVersion, compareIn(live, next, apiVersion, versioning))
    return comparisons.get(apiVersion)
  }
  const { changed } = compared(versioning.apiVersion)!
  const lost: { identifier: string; manager: Manager; fields: FieldSet }[] = []
  for (const [identifier, manager] of managers) {
    if (identifier === workflow) continue
    const changes = compared(manager.apiVersion)
    if (!changes) {
      managers.delete(identifier)
      continue
    }
    const fields = intersection(manager.fields, changes.changed)
    if (!isEmptySet(fields)) lost.push({ identifier, manager, fields })
  }
  if (!force && lost.length > 0) return { changed, conflicts: conflictsOf(lost) }

  for (const { identifier, manager, fields } of lost) {
    managers.set(identifier, { ...manager, fields: difference(manager.fields, fields) })
  }
  for (const [identifier, manager] of managers) {
    const removed = identifier === workflow ? undefined : compared(manager.apiVersion)?.removed
    const fields = removed ? difference(manager.fields, removed) : manager.fields
    if (isEmptySet(fields)) managers.delete(identifier)
    else if (fields !== manager.fields) managers.set(identifier, { ...manager, fields })
    if (manager.apiVersion === versioning.apiVersion) rememberReconciled(fields, versioning.schema)
  }
  return { changed, conflicts: [] }
}

interface Changes {
  /** Modified or added. */
  readonly changed: FieldSet
  readonly removed: FieldSet
}

function compareIn(
  live: JsonValue,
  next: JsonValue,
  apiVersion: string,
  versioning: Versioning,
): Changes | undefined {
  const left = convert(live, apiVersion, versioning)
  const right = convert(next, apiVersion, versioning)
  if (!left || !right) return undefined
  const { removed, modified, added } = compareTyped(left.object, right.object, left.schema)
  return { changed: filtered(union(modified, added), versioning), removed: filtered(removed, versioning) }
}

/**
 * Removes what the applier applied last time, no longer applies, and nobody else owns. What nobody owns and the applier
 * never applied stays.
 */
function prune(
  merged: JsonValue,
  last: Manager,
  managers: ReadonlyMap<string, Manager>,
  versioning: Versioning,
): JsonValue {
  const versioned = isEmptySet(last.fields) ? undefined : convert(merged, last.apiVersion, versioning)
  if (!versioned) return merged
  const { object, schema } = versioned
  const lastFields = withNamedMembers(last.fields, schema)
  const withoutLast = removeItems(object, lastFields, schema)
  if (withoutLast === object) return merged
  const pruned = addBackOwned(object, withoutLast, last.apiVersion, managers, versioning)
  const prunedFields = withNamedMembers(toFieldSet(pruned, schema), schema)
  const mergedFields = withNamedMembers(toFieldSet(object, schema), schema)
  const toRemove = intersection(difference(mergedFields, prunedFields), lastFields)
  const result = withoutEmptied(removeItems(object, toRemove, schema), object, schema)
  if (last.apiVersion === versioning.apiVersion) return result
  return convertBack(result, last.apiVersion, versioning)
}

/** Converts from a version that managers own fields in to the version written. */
function convertBack(object: JsonValue, from: string, versioning: Versioning): JsonValue {
  const converted = versioning.inVersion?.(object, versioning.apiVersion)
  if (!converted) throw new Error(`cannot convert from ${from} to ${versioning.apiVersion}`)
  return converted.object
}

/** Adds back what others, or the applier now, own of what was removed. */
function addBackOwned(
  merged: JsonValue,
  pruned: JsonValue,
  prunedVersion: string,
  managers: ReadonlyMap<string, Manager>,
  versioning: Versioning,
): JsonValue {
  const ownedIn = new Map<string, FieldSet>()
  for (const { apiVersion, fields } of managers.values()) {
    ownedIn.set(apiVersion, union(ownedIn.get(apiVersion) ?? {}, fields))
  }
  const versions = [...ownedIn.keys()].sort(
    (a, b) => Number(b === prunedVersion) - Number(a === prunedVersion),
  )
  let result = pruned
  for (const apiVersion of versions) {
    const before = inVersionOf(merged, prunedVersion, apiVersion, versioning)
    const after = inVersionOf(result, prunedVersion, apiVersion, versioning)
    if (!before || !after) continue
    const { object, schema } = before
    const all = withNamedMembers(toFieldSet(object, schema), schema)
    const kept = withNamedMembers(toFieldSet(after.object, schema), schema)
    const owned = withNamedMembers(ownedIn.get(apiVersion)!, schema)
    const restored = removeItems(object, difference(all, union(kept, owned)), schema)
    const back = inVersionOf(restored, apiVersion, prunedVersion, versioning)
    if (back) result = back.object
  }
  return result
}

function inVersionOf(
  object: JsonValue,
  from: string,
  to: string,
  versioning: Versioning,
): VersionedObject | undefined {
  if (from !== to) return versioning.inVersion?.(object, to)
  const schema = to === versioning.apiVersion ? versioning.schema : versioning.inVersion?.(object, to)?.schema
  return schema && { object, schema }
}
