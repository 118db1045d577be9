import { compareGoStrings, goQuote } from '../go-format.ts'
import { goJson } from '../go-json.ts'
import type { FieldsV1, ManagedFieldsEntry, Time } from '../meta.ts'
import { parseTime } from '../time.ts'
import { decodeFieldSet, rememberCanonical } from './decode-field-set.ts'
import type { FieldSet } from './field-set.ts'

/** Who owns what: one manager, by what it did (apply or update), in which version, through which subresource. */
export interface Manager {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
  readonly fields: FieldSet
  readonly time?: Time
  /** The entry that says exactly this, where there is one. */
  readonly entry?: ManagedFieldsEntry
}

/** Managers by their identifier. */
export type Managers = ReadonlyMap<string, Manager>

/**
 * The text that tells managers apart, and by which messages sort them. Appliers keep theirs when they change the
 * version.
 */
export function identifierOf(
  manager: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const { manager: name, operation, apiVersion, subresource } = manager
  return goJson({
    ...(name !== '' && { manager: name }),
    operation,
    ...(operation === 'Update' && apiVersion !== '' && { apiVersion }),
    ...(subresource !== '' && { subresource }),
  })
}

/** Throws an Error when an entry is not well-formed. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] = []): Map<string, Manager> {
  const managers = new Map<string, Manager>()
  entries.forEach((entry, index) => {
    let known = decodedEntries.get(entry)
    if (!known) {
      const manager = decodeEntry(entry, index)
      known = { identifier: identifierOf(manager), manager }
      decodedEntries.set(entry, known)
    }
    managers.set(known.identifier, known.manager)
  })
  return managers
}

const decodedEntries = new WeakMap<
  ManagedFieldsEntry,
  { readonly identifier: string; readonly manager: Manager }
>()

const emptyFields: FieldsV1 = Object.freeze({})

function decodeEntry(entry: ManagedFieldsEntry, index: number): Manager {
  const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsV1 } = entry
  if (operation !== 'Apply' && operation !== 'Update')
    throw new Error('operation must be `Apply` or `Update`')
  if (apiVersion === '') throw new Error('apiVersion must not be empty')
  const fieldsType: string = entry.fieldsType ?? ''
  if (fieldsType === '') throw new Error(`missing fieldsType in managed fields entry ${index}`)
  if (fieldsType !== 'FieldsV1') {
    throw new Error(`invalid fieldsType ${goQuote(fieldsType)} in managed fields entry ${index}`)
  }
  const fields = decodeFieldSet(fieldsV1 ?? emptyFields)
  return { manager, operation, apiVersion, subresource, fields, entry, ...(time && { time }) }
}

/** As decodeManagers, with none where the entries are not well-formed. */
export function decodeManagersLeniently(
  entries: readonly ManagedFieldsEntry[] | undefined,
): Map<string, Manager> {
  try {
    return decodeManagers(entries)
  } catch {
    return new Map()
  }
}

/** What is wrong with entries, in upstream's words; undefined when they are well-formed. */
export function managedFieldsFault(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  try {
    decodeManagers(entries)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The entries in upstream's order; undefined for none. An entry that has not changed is the same object as before. */
export function encodeManagers(managers: Managers): readonly ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined
  return [...managers.values()].sort(byOperationAndTime).map(encodeManager)
}

function byOperationAndTime(a: Manager, b: Manager): number {
  return (
    compareGoStrings(a.operation, b.operation) ||
    (a.time === b.time ? 0 : secondsOf(a) - secondsOf(b)) ||
    compareGoStrings(a.manager, b.manager) ||
    compareGoStrings(a.apiVersion, b.apiVersion) ||
    compareGoStrings(a.subresource, b.subresource)
  )
}

/** Whole seconds since the epoch; 0 without a time. */
export function secondsOf({ time }: Manager): number {
  return Math.floor((parseTime(time) ?? 0) / 1000)
}

function encodeManager(manager: Manager): ManagedFieldsEntry {
  const { entry, fields, time } = manager
  if (entry && entry.fieldsV1 === fields && entry.time === time) return entry
  rememberCanonical(fields)
  return {
    ...(manager.manager !== '' && { manager: manager.manager }),
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(time !== undefined && { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(manager.subresource !== '' && { subresource: manager.subresource }),
  }
}
