import { CelError } from '../error.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

/** Values by keys. Keys are strings, booleans and numbers; 1, 1u and 1.0 are the same key. */
export abstract class CelMap {
  abstract readonly size: number
  /** Undefined when there is no such key; undefined too for keys that no map can have. */
  abstract get(key: CelValue): CelValue | undefined
  abstract keys(): Iterable<CelValue>
  /** What `in` asks. */
  has(key: CelValue): boolean {
    return this.get(key) !== undefined
  }
  /** The name that `type()` gives, where it is none of a map. */
  readonly typeName?: string
}

/** What identifies a key; undefined for what is none. */
export function mapKeyOf(key: CelValue): string | boolean | bigint | number | undefined {
  switch (typeof key) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return key
    case 'number':
      return Number.isInteger(key) ? BigInt(key) : key
    default:
      return key instanceof CelUint ? key.value : undefined
  }
}

/** A map that the expression made. */
export class EntriesMap extends CelMap {
  readonly #entries = new Map<unknown, readonly [CelValue, CelValue]>()

  constructor(entries: Iterable<readonly [CelValue, CelValue]> = []) {
    super()
    for (const [key, value] of entries) this.#set(key, value)
  }

  override get size(): number {
    return this.#entries.size
  }

  override get(key: CelValue): CelValue | undefined {
    return this.#entries.get(mapKeyOf(key))?.[1]
  }

  override *keys(): Iterable<CelValue> {
    for (const [key] of this.#entries.values()) yield key
  }

  /** Throws a CelError when a key stands twice. */
  static ofDistinct(entries: Iterable<readonly [CelValue, CelValue]>): EntriesMap {
    const map = new EntriesMap()
    for (const [key, value] of entries) map.insert(key, value)
    return map
  }

  /** Only while the map is being made. */
  insert(key: CelValue, value: CelValue): void {
    const identity = mapKeyOf(key)
    if (identity === undefined) throw new CelError('unsupported key type')
    if (this.#entries.has(identity)) {
      throw new CelError(`insert failed: key ${keyText(key)} already exists`)
    }
    this.#entries.set(identity, [key, value])
  }

  #set(key: CelValue, value: CelValue): void {
    this.#entries.set(mapKeyOf(key), [key, value])
  }
}

function keyText(key: CelValue): string {
  return String(key instanceof CelUint ? key.value : key)
}

/** A JSON object whose keys are data: values are wrapped when they are read. */
export class JsonMap extends CelMap {
  readonly raw: Readonly<Record<string, unknown>>
  readonly #wrap: (raw: unknown) => CelValue

  constructor(raw: Readonly<Record<string, unknown>>, wrap: (raw: unknown) => CelValue) {
    super()
    this.raw = raw
    this.#wrap = wrap
  }

  override get size(): number {
    return Object.keys(this.raw).length
  }

  override get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.raw, key)) return undefined
    const value = this.raw[key]
    return value === undefined ? undefined : this.#wrap(value)
  }

  override keys(): Iterable<CelValue> {
    return Object.keys(this.raw)
  }
}

/** How a field of an object is read. */
export interface FieldAccess {
  /** The name in JSON; CEL's is escaped. */
  readonly jsonName: string
  readonly wrap: (raw: unknown) => CelValue
}

/** A JSON object with declared fields, by their escaped names. A field that is null is an absent one. */
export class JsonObject extends CelMap {
  readonly raw: Readonly<Record<string, unknown>>
  readonly #fields: (name: string) => FieldAccess | undefined
  readonly #names: () => Iterable<string>

  constructor(
    raw: Readonly<Record<string, unknown>>,
    fields: (name: string) => FieldAccess | undefined,
    names: () => Iterable<string>,
  ) {
    super()
    this.raw = raw
    this.#fields = fields
    this.#names = names
  }

  /** Every field that is set counts, declared or not. */
  override get size(): number {
    return Object.keys(this.raw).length
  }

  override get(key: CelValue): CelValue | undefined {
    const field = typeof key === 'string' ? this.#fields(key) : undefined
    if (field === undefined) return undefined
    const value = Object.hasOwn(this.raw, field.jsonName) ? this.raw[field.jsonName] : undefined
    return value === undefined || value === null ? undefined : field.wrap(value)
  }

  override *keys(): Iterable<CelValue> {
    for (const name of this.#names()) {
      if (Object.hasOwn(this.raw, this.#fields(name)!.jsonName)) yield name
    }
  }
}
