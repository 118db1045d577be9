import { formatMicroTime, formatTime } from '../../machinery/time.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { maxDepth } from '../decode.ts'
import { DecodeError } from '../decode-error.ts'
import { type FieldPlan, type Plan, PlanKind, planOf, zeroItem } from '../decode-plan.ts'
import { formatGoDuration } from '../go-duration.ts'
import { parseJson } from '../json-text.ts'
import {
  type MessageField,
  type MessagePlan,
  messagePlanOf,
  unionPlanOf,
  wireTypeOf,
} from './message-plan.ts'
import { ProtoReader, WireType } from './wire.ts'

/**
 * The object in a protobuf message, in the form that JSON gives it: see ../decode.ts. Fields that are not known are
 * skipped. Throws a DecodeError.
 */
export function decodeMessage(bytes: Uint8Array, schema: ObjectSchema): Record<string, unknown> {
  return new MessageDecoder().message(messagePlanOf(planOf(schema)), new ProtoReader(bytes))
}

class MessageDecoder {
  #depth = 0

  message(plan: MessagePlan, reader: ProtoReader): Record<string, unknown> {
    if (++this.#depth > maxDepth) throw new DecodeError('exceeded max depth')
    const values: unknown[] = []
    this.#fields(plan, reader, values)
    this.#depth--
    return assemble(plan.plan, values)
  }

  /** Reads fields into `values`, by their index in the plan for JSON. */
  #fields(plan: MessagePlan, reader: ProtoReader, values: unknown[]): void {
    while (!reader.atEnd) {
      const tag = reader.unsigned()
      const number = Math.floor(tag / 8)
      const wireType = tag % 8
      const part = plan.byNumber[number]
      if (!part) reader.skip(wireType)
      else if (part.embedded) this.#fields(part.embedded, reader.message(), values)
      else this.#field(part, wireType, reader, values)
    }
  }

  #field(part: MessageField, wireType: number, reader: ProtoReader, values: unknown[]): void {
    const { plan, index } = part.field
    switch (plan.kind) {
      case PlanKind.list: {
        const list = (values[index] ??= []) as unknown[]
        if (part.wrapped) this.#wrappedList(plan, reader.message(), list)
        else this.#listItem(plan.items!, wireType, reader, list)
        break
      }
      case PlanKind.map:
        this.#mapEntry(part, reader.message(), (values[index] ??= {}) as Record<string, unknown>)
        break
      default:
        values[index] = this.#item(plan, wireType, reader)
    }
  }

  #wrappedList(plan: Plan, reader: ProtoReader, list: unknown[]): void {
    while (!reader.atEnd) {
      const tag = reader.unsigned()
      if (Math.floor(tag / 8) === 1) list.push(this.#item(plan.items!, tag % 8, reader))
      else reader.skip(tag % 8)
    }
  }

  #listItem(items: Plan, wireType: number, reader: ProtoReader, list: unknown[]): void {
    if (wireType === WireType.bytes && wireTypeOf(items) !== WireType.bytes) {
      // Numbers may come packed into one value.
      const packed = reader.message()
      while (!packed.atEnd) list.push(this.#item(items, wireTypeOf(items), packed))
      return
    }
    list.push(this.#item(items, wireType, reader))
  }

  #mapEntry(part: MessageField, reader: ProtoReader, map: Record<string, unknown>): void {
    const items = part.field.plan.items!
    let key = ''
    let value: unknown
    while (!reader.atEnd) {
      const tag = reader.unsigned()
      const number = Math.floor(tag / 8)
      if (number === 1) key = reader.string()
      else if (number !== 2) reader.skip(tag % 8)
      else if (part.wrapped) {
        const list: unknown[] = []
        this.#wrappedList(items, reader.message(), list)
        value = list
      } else value = this.#item(items, tag % 8, reader)
    }
    value ??= zeroItem(items)
    // A key named __proto__ is data, too.
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true })
  }

  #item(plan: Plan, wireType: number, reader: ProtoReader): unknown {
    if (wireType !== wireTypeOf(plan)) {
      throw new DecodeError(`proto: wrong wireType = ${wireType} for field of type ${plan.goType}`)
    }
    switch (plan.kind) {
      case PlanKind.string:
        return reader.string()
      case PlanKind.integer32:
        return reader.integer() | 0
      case PlanKind.integer64:
        return reader.integer()
      case PlanKind.boolean:
        return reader.unsigned() !== 0
      case PlanKind.number:
        return reader.double()
      case PlanKind.bytes:
        return reader.bytes().toString('base64')
      case PlanKind.object:
        return this.message(messagePlanOf(plan), reader.message())
      case PlanKind.quantity:
        return readScalars(reader.message()).text[1] ?? '0'
      case PlanKind.time:
        return timeOf(readScalars(reader.message()).integers, formatTime)
      case PlanKind.microTime:
        return timeOf(readScalars(reader.message()).integers, formatMicroTime)
      case PlanKind.intOrString: {
        const { integers, text } = readScalars(reader.message())
        return integers[1] === 1 ? (text[3] ?? '') : (integers[2] ?? 0)
      }
      case PlanKind.duration:
        return formatGoDuration(BigInt(readScalars(reader.message()).integers[1] ?? 0))
      case PlanKind.schemaUnion:
        return this.#schemaUnion(plan, reader.message())
      case PlanKind.any:
        return jsonOf(readScalars(reader.message()).text[1])
      default:
        throw new Error(`no protobuf form of ${plan.goType}`)
    }
  }

  #schemaUnion(plan: Plan, reader: ProtoReader): unknown {
    const { schema } = plan
    const props = unionPlanOf(schema)
    const holds = schema.type === 'any' ? schema.holds : undefined
    let single: unknown
    const list: unknown[] = []
    while (!reader.atEnd) {
      const tag = reader.unsigned()
      const number = Math.floor(tag / 8)
      if (holds === 'schemaOrBool') {
        if (number === 1) single ??= reader.unsigned() !== 0
        else if (number === 2) single = this.message(messagePlanOf(props), reader.message())
        else reader.skip(tag % 8)
      } else if (number === 1) single = this.message(messagePlanOf(props), reader.message())
      else if (number !== 2) reader.skip(tag % 8)
      else if (holds === 'schemaOrArray') list.push(this.message(messagePlanOf(props), reader.message()))
      else list.push(reader.string())
    }
    return list.length > 0 ? list : (single ?? null)
  }
}

/** Puts the values read into the order of JSON, without those that JSON leaves out. */
function assemble(plan: Plan, values: readonly unknown[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  const { fields, always } = plan
  let due = 0
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!
    const isAlways = always[due] === field
    if (isAlways) due++
    const value = values[index]
    if (value !== undefined && value !== null) {
      if (!field.dropsZero || !isZero(field, value)) object[field.name] = value
    } else if (isAlways) object[field.name] = field.zero()
  }
  return object
}

function isZero(field: FieldPlan, value: unknown): boolean {
  switch (field.plan.kind) {
    case PlanKind.list:
      return (value as readonly unknown[]).length === 0
    case PlanKind.map:
      return false
    default:
      return value === '' || value === 0 || value === false
  }
}

/** The varints and strings of a small message, by number. */
function readScalars(reader: ProtoReader): {
  readonly integers: readonly (number | undefined)[]
  readonly text: readonly (string | undefined)[]
} {
  const integers: (number | undefined)[] = []
  const text: (string | undefined)[] = []
  while (!reader.atEnd) {
    const tag = reader.unsigned()
    const number = Math.floor(tag / 8)
    if (number > 3) reader.skip(tag % 8)
    else if (tag % 8 === WireType.varint) integers[number] = reader.integer()
    else if (tag % 8 === WireType.bytes) text[number] = reader.string()
    else reader.skip(tag % 8)
  }
  return { integers, text }
}

const zeroTimeSeconds = -62_135_596_800

function timeOf(
  integers: readonly (number | undefined)[],
  format: (milliseconds: number) => string,
): string | null {
  if (integers.length === 0) return null
  const [, seconds = 0, nanos = 0] = integers
  if (seconds === zeroTimeSeconds && nanos === 0) return null
  return format(seconds * 1000 + Math.floor(nanos / 1000) / 1000)
}

function jsonOf(text: string | undefined): unknown {
  return text === undefined ? null : parseJson(text)
}
