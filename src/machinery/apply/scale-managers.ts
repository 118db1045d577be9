import type { ManagedFieldsEntry } from '../meta.ts'
import { difference, fieldSetOf, hasPath, isEmptySet, union } from './field-set.ts'
import { decodeManagers, encodeManagers, identifierOf, type Manager } from './managers.ts'

/** Where the versions of a kind have their replicas, by `apiVersion`; undefined for versions without a scale. */
export type ReplicasPaths = ReadonlyMap<string, readonly string[] | undefined>

export const scaleApiVersion = 'autoscaling/v1'
const replicasOfScale = fieldSetOf(['f:spec', 'f:replicas'])
const pathInScale = ['f:spec', 'f:replicas']

/**
 * The managedFields of an object as those of its scale: whoever owns the replicas owns those of the scale.
 * Source: k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go.
 */
export function managedFieldsOfScale(
  entries: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): readonly ManagedFieldsEntry[] | undefined {
  const owners = new Map<string, Manager>()
  for (const { entry: _entry, ...manager } of decodeManagers(entries).values()) {
    const path = elementsOf(paths.get(manager.apiVersion))
    if (!path || !hasPath(manager.fields, path)) continue
    const owner = { ...manager, apiVersion: scaleApiVersion, fields: replicasOfScale }
    owners.set(identifierOf(owner), owner)
  }
  return encodeManagers(owners)
}

/**
 * The managedFields of an object after those of its scale have changed: who no longer owns the scale's replicas does not
 * own the object's, and who came to own them does, in the version written and, as upstream, without a time. Entries of
 * versions that are no more go.
 */
export function managedFieldsWithScale(
  before: readonly ManagedFieldsEntry[] | undefined,
  ofScale: readonly ManagedFieldsEntry[] | undefined,
  apiVersion: string,
  paths: ReplicasPaths,
): readonly ManagedFieldsEntry[] | undefined {
  const newOwners = decodeManagers(ofScale)
  const managers = new Map<string, Manager>()
  for (const [identifier, manager] of decodeManagers(before)) {
    if (!paths.has(manager.apiVersion)) continue
    const path = elementsOf(paths.get(manager.apiVersion))
    if (!path || !hasPath(manager.fields, path)) {
      managers.set(identifier, manager)
      continue
    }
    if (newOwners.delete(identifierOf({ ...manager, apiVersion: scaleApiVersion }))) {
      managers.set(identifier, manager)
      continue
    }
    const fields = difference(manager.fields, fieldSetOf(path))
    if (!isEmptySet(fields)) managers.set(identifier, { ...manager, fields })
  }
  const written = elementsOf(paths.get(apiVersion))
  if (!written) return encodeManagers(managers)
  for (const { entry: _entry, time: _time, ...manager } of newOwners.values()) {
    if (!hasPath(manager.fields, pathInScale)) continue
    const owner = { ...manager, apiVersion, fields: fieldSetOf(written) }
    const known = managers.get(identifierOf(owner))
    managers.set(
      identifierOf(owner),
      known ? { ...known, apiVersion, fields: union(known.fields, owner.fields) } : owner,
    )
  }
  return encodeManagers(managers)
}

function elementsOf(fields: readonly string[] | undefined): readonly string[] | undefined {
  return fields?.map((field) => `f:${field}`)
}
