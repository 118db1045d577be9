import { jsonEqual, semanticEqual } from '../equal.ts'
import type { KubernetesObject, ManagedFieldsEntry } from '../meta.ts'
import type { Schema } from '../schema.ts'

/**
 * The object to store, with the times of its managedFields as they were when nothing but these times differs from what
 * is stored: a write that changes nothing is no write. Otherwise the object itself.
 */
export function withoutTimeChanges<T extends KubernetesObject>(next: T, live: T, schema?: Schema): T {
  const entries = next.metadata?.managedFields
  const stored = live.metadata?.managedFields
  if (!entries || !stored || entries.length === 0 || entries.length !== stored.length) return next
  if (entries.every((entry, index) => entry.time === stored[index]!.time)) return next
  if (!entries.every((entry, index) => jsonEqual(withoutTime(entry), withoutTime(stored[index]!))))
    return next
  const reverted = { ...next, metadata: { ...next.metadata, managedFields: stored } }
  return semanticEqual(reverted, live, schema) ? reverted : next
}

function withoutTime(entry: ManagedFieldsEntry): ManagedFieldsEntry {
  const { time: _, ...rest } = entry
  return rest
}
