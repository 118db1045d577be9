import { jsonEqual } from '../../machinery/equal.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { isObject, itemSchema, valueSchema } from './schema-walk.ts'

/**
 * A value of a custom resource beside the value that it replaces, as far as the schema says which one that is: faults
 * in what an update leaves alone do not keep it from being made. Source: k8s.io/apiserver/pkg/cel/common, and
 * KEP-4008 (validation ratcheting).
 */
export class Correlation {
  readonly value: unknown
  readonly previous: unknown
  readonly #schema: JSONSchemaProps
  #unchanged: boolean | undefined
  #byKeys: ReadonlyMap<string, unknown> | undefined

  constructor(value: unknown, previous: unknown, schema: JSONSchemaProps) {
    this.value = value
    this.previous = previous
    this.#schema = schema
  }

  get isUnchanged(): boolean {
    this.#unchanged ??= jsonEqual(this.value, this.previous)
    return this.#unchanged
  }

  /** A field or an entry; undefined where one of the two objects has none, or the schema does not declare it. */
  key(name: string): Correlation | undefined {
    const { value, previous } = this
    if (!isObject(value) || !isObject(previous)) return undefined
    if (!Object.hasOwn(value, name) || !Object.hasOwn(previous, name)) return undefined
    const schema = valueSchema(this.#schema, name)
    return schema && new Correlation(value[name], previous[name], schema)
  }

  /** An item of a list of type `map`, with the item that had its keys; undefined in other lists. */
  index(index: number): Correlation | undefined {
    const { value, previous } = this
    if (!Array.isArray(value) || !Array.isArray(previous)) return undefined
    const schema = itemSchema(this.#schema)
    if (!schema || this.#schema['x-kubernetes-list-type'] !== 'map') return undefined
    this.#byKeys ??= itemsByKeys(this.#schema, previous)
    const found = this.#byKeys.get(keysOf(this.#schema, value[index]))
    return found === undefined ? undefined : new Correlation(value[index], found, schema)
  }
}

/** The items of a list of type `map` by what their keys hold; of several the first. */
export function itemsByKeys(schema: JSONSchemaProps, list: readonly unknown[]): ReadonlyMap<string, unknown> {
  const byKeys = new Map<string, unknown>()
  for (const item of list) {
    const keys = keysOf(schema, item)
    if (isObject(item) && !byKeys.has(keys)) byKeys.set(keys, item)
  }
  return byKeys
}

/** What the keys of an item hold, as one text; absent keys count as null. */
export function keysOf(schema: JSONSchemaProps, item: unknown): string {
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  return isObject(item) ? JSON.stringify(keys.map((key) => item[key] ?? null)) : ''
}
