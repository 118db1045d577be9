import { goFloat } from '../machinery/go-format.ts'
import { maxJsonDepth } from '../machinery/json-depth.ts'
import type { AnySchema, ObjectSchema } from '../machinery/schema.ts'
import { DecodeError, jsonKind, LongIntegerError } from './decode-error.ts'
import { type FieldPlan, type Plan, PlanKind, planOf, zeroItem } from './decode-plan.ts'
import {
  decodeBytes,
  decodeDuration,
  decodeIntOrString,
  decodeMicroTime,
  decodeQuantity,
  decodeTime,
} from './decode-scalar.ts'
import { strictPath } from './strict-path.ts'

/** Nesting beyond this is refused, so that no input exhausts the stack. */
export const maxDepth = maxJsonDepth
/** As upstream: more faults than this are not told. */
const maxUnknownFields = 100

export interface DecodeOptions {
  /** The caller gives the value away: parts of it may become parts of the object. */
  readonly ownsValue?: boolean
  /** The value was read by JSON.parse alone: a LongIntegerError is thrown where that changed an integer. */
  readonly refusesLongIntegers?: boolean
  /** Called with the path of each field that the schema does not know, in the order of the input. */
  onUnknownField?(path: string): void
}

/**
 * Makes an object of a parsed JSON or YAML value, as Go's decoder and encoder would: unknown fields and empty optional
 * values are dropped, fields that Go always serialises are there, in Go's order, and quantities, times and durations
 * have their canonical text. For custom resources unknown fields are pruned and all else is kept.
 *
 * Departs from upstream in one point: a list or map that Go would serialise as null, because nobody set it and its tag
 * has no omitempty, is empty instead.
 *
 * Throws a DecodeError.
 */
export function decode(value: unknown, schema: ObjectSchema, options: DecodeOptions = {}): unknown {
  return decodeAndCount(value, schema, options).object
}

/** As decode; also tells how many keys the objects in the value have, to be compared with those in the text. */
export function decodeAndCount(
  value: unknown,
  schema: ObjectSchema,
  options: DecodeOptions = {},
): { readonly object: unknown; readonly keyCount: number } {
  const run = new Decoding(options)
  const object = run.value(planOf(schema), value)
  return { object, keyCount: run.keyCount }
}

class Decoding {
  keyCount = 0
  readonly #refusesLongIntegers: boolean
  readonly #ownsValue: boolean
  readonly #onUnknownField: ((path: string) => void) | undefined
  readonly #unknownFields = new Set<string>()
  readonly #path: (FieldPlan | string | number)[] = []
  #depth = 0
  /** Above zero inside types with decoders of their own, where upstream does not look for unknown fields. */
  #silence = 0
  /** Fields of the objects being decoded, innermost last, each object's in the order of its plan. */
  readonly #fields: FieldPlan[] = []
  readonly #values: unknown[] = []
  #top = 0

  constructor(options: DecodeOptions) {
    this.#ownsValue = options.ownsValue ?? false
    this.#refusesLongIntegers = options.refusesLongIntegers ?? false
    this.#onUnknownField = options.onUnknownField?.bind(options)
  }

  /** Null is for the caller to treat, as what it means depends on the field. */
  value(plan: Plan, value: unknown): unknown {
    switch (plan.kind) {
      case PlanKind.string:
        return typeof value === 'string' ? value : this.#mismatch(plan, value)
      case PlanKind.integer32:
        return typeof value === 'number' && (value | 0) === value ? value : this.#mismatch(plan, value)
      case PlanKind.integer64:
        return Number.isSafeInteger(value) ? value : this.#mismatch(plan, value)
      case PlanKind.number:
        return typeof value === 'number' ? value : this.#mismatch(plan, value)
      case PlanKind.boolean:
        return typeof value === 'boolean' ? value : this.#mismatch(plan, value)
      case PlanKind.bytes:
        return typeof value === 'string' ? decodeBytes(value) : this.#bytesOf(plan, value)
      case PlanKind.quantity:
        return decodeQuantity(value)
      case PlanKind.intOrString:
        return decodeIntOrString(value)
      case PlanKind.time:
        return decodeTime(value)
      case PlanKind.microTime:
        return decodeMicroTime(value)
      case PlanKind.duration:
        return decodeDuration(value)
      case PlanKind.object:
        return isObject(value) ? this.#object(plan, value) : this.#mismatch(plan, value)
      case PlanKind.list:
        return Array.isArray(value) ? this.#list(plan, value) : this.#mismatch(plan, value)
      case PlanKind.map:
        return isObject(value) ? this.#map(plan, value) : this.#mismatch(plan, value)
      case PlanKind.schemaUnion:
        return this.#schemaUnion(plan, value)
      case PlanKind.any:
      case PlanKind.leniently:
        return this.#anything(value)
      case PlanKind.lenientObject:
        return isObject(value) ? this.#lenientObject(plan, value) : this.#misplaced(value)
      case PlanKind.lenientList:
        return Array.isArray(value) ? this.#lenientList(plan, value) : this.#misplaced(value)
      case PlanKind.lenientMap:
        return isObject(value) ? this.#lenientMap(plan, value) : this.#misplaced(value)
    }
  }

  #object(plan: Plan, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { byName } = plan
    const base = this.#top
    const at = this.#enter()
    for (const key in source) {
      this.keyCount++
      const field = byName.get(key)
      if (field === undefined) {
        this.#unknown(key, source[key])
        continue
      }
      const input = source[key]
      if (input === null || input === undefined) continue
      this.#path[at] = field
      const value = this.value(field.plan, input)
      if (value === null || (field.dropsZero && isZero(value))) continue
      this.#push(field, value, base)
    }
    this.#depth = at
    return this.#assemble(plan, base)
  }

  /** Keeps the fields of the object at hand sorted; input is nearly always in the order of the plan or of the alphabet. */
  #push(field: FieldPlan, value: unknown, base: number): void {
    let position = this.#top++
    const { index } = field
    for (; position > base && this.#fields[position - 1]!.index > index; position--) {
      this.#fields[position] = this.#fields[position - 1]!
      this.#values[position] = this.#values[position - 1]
    }
    this.#fields[position] = field
    this.#values[position] = value
  }

  #assemble(plan: Plan, base: number): Record<string, unknown> {
    const { always } = plan
    const object: Record<string, unknown> = {}
    let due = 0
    for (let position = base; position < this.#top; position++) {
      const field = this.#fields[position]!
      for (; due < always.length && always[due]!.index <= field.index; due++) {
        const other = always[due]!
        if (other !== field) object[other.name] = other.zero()
      }
      object[field.name] = this.#values[position]
      this.#values[position] = undefined
    }
    for (; due < always.length; due++) object[always[due]!.name] = always[due]!.zero()
    this.#top = base
    return object
  }

  #list(plan: Plan, source: readonly unknown[]): readonly unknown[] {
    const items = plan.items!
    const at = this.#enter()
    if (items.kind === PlanKind.string && this.#ownsValue && source.every(isString)) {
      this.#depth = at
      return source
    }
    const list: unknown[] = []
    for (let index = 0; index < source.length; index++) {
      this.#path[at] = index
      const item = source[index]
      list.push(item === null ? zeroItem(items) : this.value(items, item))
    }
    this.#depth = at
    return list
  }

  #map(plan: Plan, source: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const items = plan.items!
    const at = this.#enter()
    // A copy made by spreading has all keys as its own, so that assigning one named __proto__ is harmless.
    const map: Record<string, unknown> = this.#ownsValue ? source : { ...source }
    for (const key in source) {
      this.keyCount++
      const item = source[key]
      if (items.kind === PlanKind.string && typeof item === 'string') continue
      this.#path[at] = key
      map[key] = item === null ? zeroItem(items) : this.value(items, item)
    }
    this.#depth = at
    return map
  }

  /** A JSON schema, or what the Go type allows in its place; a value of another type counts as absent. */
  #schemaUnion(plan: Plan, value: unknown): unknown {
    const { schema } = plan
    if (schema.type !== 'any' || !schema.schema) return value
    const props = planOf(schema.schema)
    this.#silence++
    const result = isObject(value) ? this.value(props, value) : this.#insteadOfSchema(schema, props, value)
    this.#silence--
    return result
  }

  #insteadOfSchema(schema: AnySchema, props: Plan, value: unknown): unknown {
    switch (schema.holds) {
      case 'schemaOrBool':
        if (typeof value === 'boolean') return value
        throw new DecodeError('boolean or JSON schema expected')
      case 'schemaOrArray':
        if (!Array.isArray(value) || value.length === 0) return null
        return this.#list({ ...noPlan, items: props }, value)
      default:
        if (!Array.isArray(value) || value.length === 0) return null
        return this.#list({ ...noPlan, items: stringPlan }, value)
    }
  }

  #lenientObject(plan: Plan, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const schema = plan.schema as ObjectSchema
    const object: Record<string, unknown> = { ...source }
    const at = this.#enter()
    for (const key in source) {
      this.keyCount++
      const field = plan.byName.get(key)
      const input = source[key]
      if (field !== undefined) {
        if (input === null && field.dropsNull) {
          delete object[key]
          continue
        }
        this.#path[at] = field
        object[key] = input === null ? null : this.value(field.plan, input)
      } else if (schema.preserveUnknown) {
        this.#path[at] = key
        const { others } = schema
        object[key] = others && input !== null ? this.value(planOf(others), input) : this.#anything(input)
      } else {
        delete object[key]
        this.#unknown(key, input)
      }
    }
    this.#depth = at
    return object
  }

  #lenientList(plan: Plan, source: readonly unknown[]): unknown[] {
    const at = this.#enter()
    const list = source.map((item, index) => {
      this.#path[at] = index
      return item === null ? null : this.value(plan.items!, item)
    })
    this.#depth = at
    return list
  }

  #lenientMap(plan: Plan, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const at = this.#enter()
    const map: Record<string, unknown> = { ...source }
    for (const key in source) {
      this.keyCount++
      this.#path[at] = key
      const item = source[key]
      if (item !== null) map[key] = this.value(plan.items!, item)
      else if (plan.schema.type === 'map' && !plan.schema.nullable) delete map[key]
    }
    this.#depth = at
    return map
  }

  /**
   * An object, list or map of a custom resource where its schema says another type: pruned of all fields, and refused
   * by validation later.
   */
  #misplaced(value: unknown): unknown {
    if (Array.isArray(value)) return this.#lenientList({ ...noPlan, items: emptyObjectPlan }, value)
    return isObject(value) ? this.#lenientObject(emptyObjectPlan, value) : this.#anything(value)
  }

  /** Any JSON: copied unless it may be taken over, and measured. */
  #anything(value: unknown): unknown {
    if (typeof value === 'number') return this.#numberOf(value)
    if (typeof value !== 'object' || value === null) return value
    const at = this.#enter()
    const result = Array.isArray(value) ? this.#anyList(value, at) : this.#anyObject(value, at)
    this.#depth = at
    return result
  }

  #anyList(value: readonly unknown[], at: number): readonly unknown[] {
    const list = this.#ownsValue ? (value as unknown[]) : [...value]
    for (let index = 0; index < list.length; index++) {
      this.#path[at] = index
      list[index] = this.#anything(list[index])
    }
    return list
  }

  #anyObject(value: object, at: number): Readonly<Record<string, unknown>> {
    const object = (this.#ownsValue ? value : { ...value }) as Record<string, unknown>
    for (const key in object) {
      this.keyCount++
      const item = object[key]
      if (typeof item !== 'object' && typeof item !== 'number') continue
      this.#path[at] = key
      const copy = this.#anything(item)
      if (copy !== item) object[key] = copy
    }
    return object
  }

  #numberOf(value: number): number {
    if (!Number.isFinite(value)) throw new DecodeError(`json: unsupported value: ${goFloat(value)}`)
    if (this.#refusesLongIntegers && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new LongIntegerError(value)
    }
    return value
  }

  #bytesOf(plan: Plan, value: unknown): string {
    if (!Array.isArray(value)) return this.#mismatch(plan, value)
    const invalid = value.find((item) => !Number.isInteger(item) || item < 0 || item > 255)
    if (invalid !== undefined) return this.#mismatch({ ...plan, goType: 'uint8' }, invalid)
    return Buffer.from(value as number[]).toString('base64')
  }

  #enter(): number {
    const depth = this.#depth++
    if (depth > maxDepth) throw new DecodeError('exceeded max depth')
    return depth
  }

  #unknown(key: string, value: unknown): void {
    if (typeof value === 'object' && value !== null) this.keyCount += countKeys(value, this.#depth)
    if (!this.#onUnknownField || this.#silence > 0 || this.#unknownFields.size >= maxUnknownFields) return
    const parents = this.#path.slice(0, this.#depth - 1)
    const path = strictPath([...parents.map((part) => (typeof part === 'object' ? part.name : part)), key])
    if (this.#unknownFields.has(path)) return
    this.#unknownFields.add(path)
    this.#onUnknownField(path)
  }

  #mismatch(plan: Plan, value: unknown): never {
    const isInteger =
      plan.kind === PlanKind.integer32 || plan.kind === PlanKind.integer64 || plan.goType === 'uint8'
    throw new DecodeError(
      `json: cannot unmarshal ${jsonKind(value, isInteger)} into ${this.#target(plan.goType)}`,
    )
  }

  #target(goType: string): string {
    const fields = this.#path.slice(0, this.#depth).filter((part) => typeof part === 'object')
    const last = fields.at(-1)
    if (!last) return `Go value of type ${goType}`
    const names = fields.flatMap((field) => [...field.embeddings, field.name])
    return `Go struct field ${last.owner}.${names.join('.')} of type ${goType}`
  }
}

const noPlan: Omit<Plan, 'items'> = {
  kind: PlanKind.list,
  schema: { type: 'any' },
  fields: [],
  byName: new Map(),
  always: [],
  goType: '',
}
const stringPlan = planOf({ type: 'string' })
const emptyObjectPlan = planOf({ type: 'object', fields: {} })

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isZero(value: unknown): boolean {
  if (typeof value !== 'object') return value === '' || value === 0 || value === false
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

function countKeys(value: object, depth: number): number {
  if (depth > maxDepth) throw new DecodeError('exceeded max depth')
  let count = 0
  for (const [, item] of Object.entries(value)) {
    if (!Array.isArray(value)) count++
    if (typeof item === 'object' && item !== null) count += countKeys(item, depth + 1)
  }
  return count
}
