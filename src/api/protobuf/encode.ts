import { compareGoStrings } from '../../machinery/go-format.ts'
import { parseTime } from '../../machinery/time.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { type Plan, PlanKind, planOf } from '../decode-plan.ts'
import { parseGoDuration } from '../go-duration.ts'
import {
  hasProtobuf,
  type MessageField,
  type MessagePlan,
  messagePlanOf,
  unionPlanOf,
  wireTypeOf,
} from './message-plan.ts'
import { ProtoWriter, WireType } from './wire.ts'

/**
 * The bytes that upstream's generated code makes of an object: fields by number; a field that is no pointer is written
 * even when it is zero; maps by key. `kind` and `apiVersion` are not in the message but in its envelope. The object
 * must be what decode.ts makes: this does not check it.
 */
export function encodeMessage(object: object, schema: ObjectSchema): Buffer {
  const writer = new ProtoWriter()
  writeMessage(writer, object, schema)
  return writer.finish()
}

/** As encodeMessage, at the front of a writer. */
export function writeMessage(writer: ProtoWriter, object: object, schema: ObjectSchema): void {
  if (!hasProtobuf(schema)) throw new Error(`${schema.name ?? 'a custom resource'} has no protobuf form`)
  new MessageEncoder(writer).message(messagePlanOf(planOf(schema)), object as JsonObject)
}

type JsonObject = Readonly<Record<string, unknown>>

class MessageEncoder {
  readonly #writer: ProtoWriter

  constructor(writer: ProtoWriter) {
    this.#writer = writer
  }

  message(plan: MessagePlan, object: JsonObject): void {
    for (const part of plan.descending) {
      if (part.embedded) {
        const end = this.#writer.length
        this.message(part.embedded, object)
        this.#prefix(end, part.number)
      } else {
        this.#field(part, object[part.field.name])
      }
    }
  }

  #field(part: MessageField, value: unknown): void {
    const { plan } = part.field
    const isAbsent = value === undefined || value === null
    switch (plan.kind) {
      case PlanKind.list:
        if (!isAbsent) this.#list(part, value as readonly unknown[])
        break
      case PlanKind.map:
        if (!isAbsent) this.#map(part, value as JsonObject)
        break
      case PlanKind.bytes:
        if (!isAbsent) this.#item(plan, value, part.number)
        break
      default:
        if (!isAbsent || !part.pointer) this.#item(plan, isAbsent ? undefined : value, part.number)
    }
  }

  #list(part: MessageField, list: readonly unknown[]): void {
    const items = part.field.plan.items!
    const end = this.#writer.length
    const number = part.wrapped ? 1 : part.number
    for (let index = list.length - 1; index >= 0; index--) this.#item(items, list[index], number)
    if (part.wrapped) this.#prefix(end, part.number)
  }

  #map(part: MessageField, map: JsonObject): void {
    const items = part.field.plan.items!
    const keys = Object.keys(map).sort(compareGoStrings)
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index]!
      const end = this.#writer.length
      if (part.wrapped) this.#wrappedItem(items, map[key] as readonly unknown[])
      else this.#item(items, map[key], 2)
      this.#string(key, 1)
      this.#prefix(end, part.number)
    }
  }

  #wrappedItem(list: Plan, values: readonly unknown[]): void {
    const end = this.#writer.length
    for (let index = values.length - 1; index >= 0; index--) this.#item(list.items!, values[index], 1)
    this.#prefix(end, 2)
  }

  /** One value with its tag; undefined is the zero value. */
  #item(plan: Plan, value: unknown, number: number): void {
    switch (plan.kind) {
      case PlanKind.string:
        this.#string((value as string | undefined) ?? '', number)
        break
      case PlanKind.integer32:
      case PlanKind.integer64:
        this.#integer((value as number | undefined) ?? 0, number)
        break
      case PlanKind.boolean:
        this.#integer(value === true ? 1 : 0, number)
        break
      case PlanKind.number:
        this.#writer.double((value as number | undefined) ?? 0)
        this.#writer.tag(number, wireTypeOf(plan))
        break
      case PlanKind.bytes: {
        const bytes = Buffer.from((value as string | undefined) ?? '', 'base64')
        this.#writer.bytes(bytes)
        this.#length(bytes.length, number)
        break
      }
      default: {
        const end = this.#writer.length
        this.#content(plan, value)
        this.#prefix(end, number)
      }
    }
  }

  /** What stands in the message of a value that is one. */
  #content(plan: Plan, value: unknown): void {
    switch (plan.kind) {
      case PlanKind.object:
        this.message(messagePlanOf(plan), (value ?? {}) as JsonObject)
        break
      case PlanKind.quantity:
        this.#string((value as string | undefined) ?? '0', 1)
        break
      case PlanKind.time:
      case PlanKind.microTime:
        if (typeof value === 'string') this.#time(value)
        break
      case PlanKind.intOrString:
        this.#string(typeof value === 'string' ? value : '', 3)
        this.#integer(typeof value === 'number' ? value : 0, 2)
        this.#integer(typeof value === 'string' ? 1 : 0, 1)
        break
      case PlanKind.duration:
        this.#integer(typeof value === 'string' ? Number(parseGoDuration(value)) : 0, 1)
        break
      case PlanKind.schemaUnion:
        this.#schemaUnion(plan, value)
        break
      case PlanKind.any:
        if (value !== undefined && value !== null) this.#string(JSON.stringify(value), 1)
        break
      default:
        throw new Error(`no protobuf form of ${plan.goType}`)
    }
  }

  #time(text: string): void {
    const milliseconds = parseTime(text) ?? 0
    const seconds = Math.floor(milliseconds / 1000)
    const micros = text.length > 20 ? Number(text.slice(20, 26)) : 0
    this.#integer(micros * 1000, 2)
    this.#integer(seconds, 1)
  }

  #schemaUnion(plan: Plan, value: unknown): void {
    const { schema } = plan
    const props = unionPlanOf(schema)
    const holds = schema.type === 'any' ? schema.holds : undefined
    const isSchema = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (holds === 'schemaOrBool') {
      if (isSchema) this.#item(props, value, 2)
      this.#integer(isSchema || value === true ? 1 : 0, 1)
      return
    }
    if (isSchema) this.#item(props, value, 1)
    if (!Array.isArray(value)) return
    for (const item of value.toReversed()) {
      if (holds === 'schemaOrArray') this.#item(props, item, 2)
      else this.#string(item as string, 2)
    }
  }

  #string(value: string, number: number): void {
    const end = this.#writer.length
    this.#writer.string(value)
    this.#prefix(end, number)
  }

  #integer(value: number, number: number): void {
    this.#writer.integer(value)
    this.#writer.tag(number, WireType.varint)
  }

  /** Makes all that was written since the writer's length was `end` the value of a field. */
  #prefix(end: number, number: number): void {
    this.#length(this.#writer.length - end, number)
  }

  #length(length: number, number: number): void {
    this.#writer.unsigned(length)
    this.#writer.tag(number, WireType.bytes)
  }
}
