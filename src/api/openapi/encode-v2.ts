import type { JsonValue } from '../../machinery/meta.ts'
import { ProtoWriter, WireType } from '../protobuf/wire.ts'
import type { JsonObject } from './input.ts'

/** The media type to answer with. */
export const openApiV2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
/** As clients ask for it. It is no valid media type, so it must not stand in a response: Go's parser refuses it. */
export const openApiV2ProtobufAsked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

/**
 * An OpenAPI v2 document as protobuf: message openapi.v2.Document of gnostic, which kubectl before 1.27 insists on.
 * Source: gnostic's openapiv2/OpenAPIv2.proto.
 */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  const writer = new ProtoWriter()
  write(writer, messages.document, document)
  return writer.finish()
}

/** How the value of a JSON key is put into a field; messages are written by a table of their own. */
type FieldKind =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'double'
  /** Any JSON, as text in YAML, of which JSON is a part. */
  | 'any'
  | MessageName
  /** Each item of an array. */
  | { readonly each: FieldKind }
  /** Each entry of an object, as a message of a name (1) and a value (2). */
  | { readonly named: FieldKind }
  /** A message that holds the value alone, under this number. */
  | { readonly within: number; readonly kind: FieldKind }
  /** What the value itself decides. */
  | { readonly choose: (value: JsonValue) => FieldKind }

interface Message {
  readonly fields: Readonly<Record<string, readonly [number: number, kind: FieldKind]>>
  /** Where keys that begin with `x-` go. */
  readonly extensions?: number
}

type MessageName =
  | 'document'
  | 'info'
  | 'pathItem'
  | 'operation'
  | 'bodyParameter'
  | 'queryParameter'
  | 'pathParameter'
  | 'response'
  | 'schema'
  | 'apiKey'

const strings: FieldKind = { each: 'string' }
const parameters: FieldKind = {
  each: {
    within: 1,
    kind: {
      choose: (value) => {
        switch (isObject(value) ? value.in : undefined) {
          case 'body':
            return { within: 1, kind: 'bodyParameter' }
          case 'path':
            return { within: 2, kind: { within: 4, kind: 'pathParameter' } }
          default:
            return { within: 2, kind: { within: 3, kind: 'queryParameter' } }
        }
      },
    },
  },
}

const messages: Readonly<Record<MessageName, Message>> = {
  document: {
    fields: {
      swagger: [1, 'string'],
      info: [2, 'info'],
      paths: [8, { within: 2, kind: { named: 'pathItem' } }],
      definitions: [9, { within: 1, kind: { named: 'schema' } }],
      security: [12, { each: { within: 1, kind: { named: { within: 1, kind: strings } } } }],
      securityDefinitions: [13, { within: 1, kind: { named: { within: 2, kind: 'apiKey' } } }],
    },
  },
  info: { fields: { title: [1, 'string'], version: [2, 'string'] } },
  apiKey: {
    fields: { type: [1, 'string'], name: [2, 'string'], in: [3, 'string'], description: [4, 'string'] },
  },
  pathItem: {
    fields: {
      get: [2, 'operation'],
      put: [3, 'operation'],
      post: [4, 'operation'],
      delete: [5, 'operation'],
      options: [6, 'operation'],
      head: [7, 'operation'],
      patch: [8, 'operation'],
      parameters: [9, parameters],
    },
    extensions: 10,
  },
  operation: {
    fields: {
      tags: [1, strings],
      description: [3, 'string'],
      operationId: [5, 'string'],
      produces: [6, strings],
      consumes: [7, strings],
      parameters: [8, parameters],
      responses: [9, { within: 1, kind: { named: { within: 1, kind: 'response' } } }],
      schemes: [10, strings],
    },
    extensions: 13,
  },
  bodyParameter: {
    fields: {
      description: [1, 'string'],
      name: [2, 'string'],
      in: [3, 'string'],
      required: [4, 'boolean'],
      schema: [5, 'schema'],
    },
  },
  queryParameter: {
    fields: {
      required: [1, 'boolean'],
      in: [2, 'string'],
      description: [3, 'string'],
      name: [4, 'string'],
      type: [6, 'string'],
      uniqueItems: [20, 'boolean'],
    },
  },
  pathParameter: {
    fields: {
      required: [1, 'boolean'],
      in: [2, 'string'],
      description: [3, 'string'],
      name: [4, 'string'],
      type: [5, 'string'],
      uniqueItems: [19, 'boolean'],
    },
  },
  response: { fields: { description: [1, 'string'], schema: [2, { within: 1, kind: 'schema' }] } },
  schema: {
    fields: {
      $ref: [1, 'string'],
      format: [2, 'string'],
      title: [3, 'string'],
      description: [4, 'string'],
      default: [5, 'any'],
      multipleOf: [6, 'double'],
      maximum: [7, 'double'],
      exclusiveMaximum: [8, 'boolean'],
      minimum: [9, 'double'],
      exclusiveMinimum: [10, 'boolean'],
      maxLength: [11, 'integer'],
      minLength: [12, 'integer'],
      pattern: [13, 'string'],
      maxItems: [14, 'integer'],
      minItems: [15, 'integer'],
      uniqueItems: [16, 'boolean'],
      maxProperties: [17, 'integer'],
      minProperties: [18, 'integer'],
      required: [19, strings],
      enum: [20, { each: 'any' }],
      additionalProperties: [
        21,
        {
          choose: (value) =>
            typeof value === 'boolean' ? { within: 2, kind: 'boolean' } : { within: 1, kind: 'schema' },
        },
      ],
      type: [22, { within: 1, kind: 'string' }],
      items: [23, { within: 1, kind: 'schema' }],
      allOf: [24, { each: 'schema' }],
      properties: [25, { within: 1, kind: { named: 'schema' } }],
      example: [30, 'any'],
    },
    extensions: 31,
  },
}

/** Writes the fields of a message from the last to the first, as the writer wants them. */
function write(writer: ProtoWriter, message: Message, value: JsonObject): void {
  if (message.extensions !== undefined) {
    const extensions = Object.entries(value).filter(([key]) => key.startsWith('x-'))
    writeField(writer, message.extensions, { named: 'any' }, Object.fromEntries(extensions))
  }
  for (const [key, [number, kind]] of descending(message)) {
    const item = value[key]
    if (item !== undefined && item !== null) writeField(writer, number, kind, item)
  }
}

const sorted = new Map<Message, readonly (readonly [string, readonly [number, FieldKind]])[]>()

function descending(message: Message): readonly (readonly [string, readonly [number, FieldKind]])[] {
  let fields = sorted.get(message)
  if (!fields) {
    fields = Object.entries(message.fields).sort(([, [left]], [, [right]]) => right - left)
    sorted.set(message, fields)
  }
  return fields
}

function writeField(writer: ProtoWriter, number: number, kind: FieldKind, value: JsonValue): void {
  switch (kind) {
    case 'string':
      writeString(writer, number, String(value))
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
      enclosed(writer, number, () => writeString(writer, 2, `${JSON.stringify(value)}\n`))
      return
    default:
      writeNested(writer, number, kind, value)
  }
}

function writeNested(
  writer: ProtoWriter,
  number: number,
  kind: Exclude<FieldKind, 'string' | 'boolean' | 'integer' | 'double' | 'any'>,
  value: JsonValue,
): void {
  if (typeof kind === 'string') {
    if (isObject(value)) enclosed(writer, number, () => write(writer, messages[kind], value))
  } else if ('each' in kind) {
    for (const item of Array.isArray(value) ? value.toReversed() : [])
      writeField(writer, number, kind.each, item)
  } else if ('named' in kind) {
    for (const [name, item] of isObject(value) ? Object.entries(value).toReversed() : []) {
      enclosed(writer, number, () => {
        writeField(writer, 2, kind.named, item)
        writeString(writer, 1, name)
      })
    }
  } else if ('within' in kind) {
    enclosed(writer, number, () => writeField(writer, kind.within, kind.kind, value))
  } else {
    writeField(writer, number, kind.choose(value), value)
  }
}

function enclosed(writer: ProtoWriter, number: number, writeContent: () => void): void {
  const end = writer.length
  writeContent()
  writer.unsigned(writer.length - end)
  writer.tag(number, WireType.bytes)
}

function writeString(writer: ProtoWriter, number: number, value: string): void {
  enclosed(writer, number, () => writer.string(value))
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
