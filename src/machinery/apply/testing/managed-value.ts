import type { JsonValue } from '../../meta.ts'
import type { Schema } from '../../schema.ts'
import type { Conflict } from '../conflicts.ts'
import { difference, pathsOf, union, type FieldSet } from '../field-set.ts'
import { identifierOf, type Manager } from '../managers.ts'
import { printPath } from '../path-element.ts'
import { mergeApplied, trackUpdate, type VersionedObject, type Versioning } from '../updater.ts'
import { assertTyped } from '../validate-typed.ts'

/** A schema per version. The first is the one written unless an operation says another. */
export type Versions = Readonly<Record<string, Schema>>

export interface ManagedValueOptions {
  /** The value of one version in another; as it is when not given. */
  readonly convert?: (value: JsonValue, to: string) => JsonValue
  /** Takes fields that nobody may own out of a set. */
  readonly filter?: (fields: FieldSet) => FieldSet
}

interface WriteOptions {
  readonly apiVersion?: string
  readonly force?: boolean
}

/**
 * A value that managers apply and update, without what makes it an API object: no metadata, no times, no limit on
 * managers. Every write makes a new one, so that histories can be compared.
 */
export class ManagedValue {
  readonly value: JsonValue
  readonly #managers: ReadonlyMap<string, Manager>
  readonly #versions: Versions
  readonly #options: ManagedValueOptions

  constructor(
    versions: Versions,
    options: ManagedValueOptions = {},
    value: JsonValue = {},
    managers: ReadonlyMap<string, Manager> = new Map(),
  ) {
    this.#versions = versions
    this.#options = options
    this.value = value
    this.#managers = managers
  }

  /** The value after the apply, or the conflicts that prevent it. */
  tryApply(
    manager: string,
    applied: JsonValue,
    options: WriteOptions = {},
  ): ManagedValue | readonly Conflict[] {
    const versioning = this.#versioning(options.apiVersion)
    assertTyped(applied, versioning.schema)
    const managers = new Map(this.#managers)
    const applier = managerOf(manager, 'Apply', versioning.apiVersion)
    const identified = { ...applier, identifier: identifierOf(applier) }
    const live = this.valueIn(versioning.apiVersion)
    const outcome = mergeApplied(live, applied, managers, identified, options.force ?? false, versioning)
    if (outcome.conflicts) return outcome.conflicts
    return this.#next(outcome.object, managers)
  }

  /** As tryApply, where a conflict is a fault of the test. */
  apply(manager: string, applied: JsonValue, options: WriteOptions = {}): ManagedValue {
    const outcome = this.tryApply(manager, applied, options)
    if (outcome instanceof ManagedValue) return outcome
    throw new Error(`conflicts: ${printConflicts(outcome).join(' ')}`)
  }

  /** Writes the value in the place of what is there. */
  update(manager: string, value: JsonValue, options: WriteOptions = {}): ManagedValue {
    const versioning = this.#versioning(options.apiVersion)
    const managers = new Map(this.#managers)
    const updater = managerOf(manager, 'Update', versioning.apiVersion)
    const identifier = 'writing'
    trackUpdate(this.valueIn(versioning.apiVersion), value, managers, { ...updater, identifier }, versioning)
    const written = managers.get(identifier)
    managers.delete(identifier)
    if (written) {
      const owned = managers.get(identifierOf(updater))?.fields ?? {}
      managers.set(identifierOf(updater), { ...updater, fields: union(owned, written.fields) })
    }
    return this.#next(value, managers)
  }

  /** The same value and owners under other schemas: its type has changed, or versions have come and gone. */
  withVersions(versions: Versions): ManagedValue {
    return new ManagedValue(versions, this.#options, this.value, this.#managers)
  }

  /** The same value, as if these fields had never belonged to anybody. */
  disown(fields: FieldSet): ManagedValue {
    const managers = [...this.#managers].map(
      ([identifier, manager]) =>
        [identifier, { ...manager, fields: difference(manager.fields, fields) }] as const,
    )
    return this.#next(this.value, new Map(managers))
  }

  valueIn(apiVersion: string): JsonValue {
    return this.#options.convert?.(this.value, apiVersion) ?? this.value
  }

  fieldsOf(manager: string, operation: 'Apply' | 'Update' = 'Apply'): FieldSet {
    const found = [...this.#managers.values()].find(
      (candidate) => candidate.manager === manager && candidate.operation === operation,
    )
    return found?.fields ?? {}
  }

  /** Who owns what: `one`, `one in v2` or `update one` → printed paths. Who owns nothing is not there. */
  owners(): Record<string, string[]> {
    const first = Object.keys(this.#versions)[0]
    const entries = [...this.#managers.values()].map(({ manager, operation, apiVersion, fields }) => {
      const version = apiVersion === first ? '' : ` in ${apiVersion}`
      const name = `${operation === 'Update' ? 'update ' : ''}${manager}${version}`
      return [name, pathsOf(fields).map(printPath)] as const
    })
    return Object.fromEntries(entries.filter(([, paths]) => paths.length > 0))
  }

  #next(value: JsonValue, managers: ReadonlyMap<string, Manager>): ManagedValue {
    return new ManagedValue(this.#versions, this.#options, value, managers)
  }

  #versioning(apiVersion = Object.keys(this.#versions)[0]!): Versioning {
    const inVersion = (object: JsonValue, version: string): VersionedObject | undefined => {
      const schema = this.#versions[version]
      return schema && { object: this.#options.convert?.(object, version) ?? object, schema }
    }
    return { apiVersion, schema: this.#versions[apiVersion]!, inVersion, filter: this.#options.filter }
  }
}

function managerOf(manager: string, operation: 'Apply' | 'Update', apiVersion: string): Manager {
  return { manager, operation, apiVersion, subresource: '', fields: {} }
}

/** `one .spec.replicas`, in the order in which they are reported. */
export function printConflicts(conflicts: readonly Conflict[]): string[] {
  return conflicts.map(({ manager, path }) => {
    const updater = manager.operation === 'Update' ? 'update ' : ''
    return `${updater}${manager.manager} ${printPath(path)}`
  })
}
