import type { JsonValue } from '../../machinery/meta.ts'
import { ProtoWriter, WireType } from '../protobuf/wire.ts'
import type { JsonObject } from './input.ts'

/** How the value of a JSON key is put into a field; messages are written by tables of their own. */
export type FieldKind =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'double'
  /** Any JSON, as text in YAML, of which JSON is a part. */
  | 'any'
  /** The message of that name. */
  | `message ${string}`
  /** Each item of an array. */
  | { readonly each: FieldKind }
  /** Each entry of an object, as a message of a name (1) and a value (2). */
  | { readonly named: FieldKind }
  /** A message that holds the value alone, under this number. */
  | { readonly within: number; readonly kind: FieldKind }
  /** What the value itself decides. */
  | { readonly choose: (value: JsonValue) => FieldKind }

export interface Message {
  readonly fields: Readonly<Record<string, readonly [number: number, kind: FieldKind]>>
  /** Where keys that begin with `x-` go. */
  readonly extensions?: number
}

/** By the names that fields give them. */
export type Messages = Readonly<Record<string, Message>>

/** A JSON document as the protobuf message of that name. Keys that no table knows are left out. */
export function encodeDocument(messages: Messages, name: string, document: JsonObject): Buffer {
  const encoder = new DocumentEncoder(messages)
  encoder.message(messages[name]!, document)
  return encoder.finish()
}

class DocumentEncoder {
  readonly #messages: Messages
  readonly #writer = new ProtoWriter()
  /** The fields of messages, the last first, as the writer wants them. */
  readonly #descending = new Map<Message, readonly (readonly [string, readonly [number, FieldKind]])[]>()

  constructor(messages: Messages) {
    this.#messages = messages
  }

  finish(): Buffer {
    return this.#writer.finish()
  }

  message(message: Message, value: JsonObject): void {
    if (message.extensions !== undefined) {
      const extensions = Object.entries(value).filter(([key]) => key.startsWith('x-'))
      this.#field(message.extensions, { named: 'any' }, Object.fromEntries(extensions))
    }
    for (const [key, [number, kind]] of this.#fieldsOf(message)) {
      const item = value[key]
      if (item !== undefined && item !== null) this.#field(number, kind, item)
    }
  }

  #fieldsOf(message: Message): readonly (readonly [string, readonly [number, FieldKind]])[] {
    let fields = this.#descending.get(message)
    if (!fields) {
      fields = Object.entries(message.fields).sort(([, [left]], [, [right]]) => right - left)
      this.#descending.set(message, fields)
    }
    return fields
  }

  #field(number: number, kind: FieldKind, value: JsonValue): void {
    const writer = this.#writer
    switch (kind) {
      case 'string':
        this.#string(number, String(value))
        return
      case 'boolean':
        writer.unsigned(value === true ? 1 : 0)
        writer.tag(number, WireType.varint)
        return
      case 'integer':
        writer.integer(Number(value))
        writer.tag(number, WireType.varint)
        return
      case 'double':
        writer.double(Number(value))
        writer.tag(number, WireType.fixed64)
        return
      case 'any':
        this.#enclosed(number, () => this.#string(2, `${JSON.stringify(value)}\n`))
        return
      default:
        this.#nested(number, kind, value)
    }
  }

  #nested(
    number: number,
    kind: Exclude<FieldKind, 'string' | 'boolean' | 'integer' | 'double' | 'any'>,
    value: JsonValue,
  ): void {
    if (typeof kind === 'string') {
      const message = this.#messages[kind.slice('message '.length)]!
      if (isObject(value)) this.#enclosed(number, () => this.message(message, value))
    } else if ('each' in kind) {
      for (const item of Array.isArray(value) ? value.toReversed() : []) this.#field(number, kind.each, item)
    } else if ('named' in kind) {
      for (const [name, item] of isObject(value) ? Object.entries(value).toReversed() : []) {
        this.#enclosed(number, () => {
          this.#field(2, kind.named, item)
          this.#string(1, name)
        })
      }
    } else if ('within' in kind) {
      this.#enclosed(number, () => this.#field(kind.within, kind.kind, value))
    } else {
      this.#field(number, kind.choose(value), value)
    }
  }

  #enclosed(number: number, writeContent: () => void): void {
    const writer = this.#writer
    const end = writer.length
    writeContent()
    writer.unsigned(writer.length - end)
    writer.tag(number, WireType.bytes)
  }

  #string(number: number, value: string): void {
    this.#enclosed(number, () => this.#writer.string(value))
  }
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
