import { encodeDocument, isObject, type FieldKind, type Message } from './encode-document.ts'
import type { JsonObject } from './input.ts'

/**
 * An OpenAPI v3 document as protobuf: message openapi.v3.Document of gnostic. Source: gnostic's
 * openapiv3/OpenAPIv3.proto.
 */
export function encodeOpenApiV3(document: JsonObject): Buffer {
  return encodeDocument(messages, 'document', document)
}

const strings: FieldKind = { each: 'string' }
const schema: FieldKind = {
  choose: (value) =>
    isObject(value) && '$ref' in value
      ? { within: 2, kind: 'message reference' }
      : { within: 1, kind: 'message schema' },
}
const schemas: FieldKind = { within: 1, kind: { named: schema } }
const parameters: FieldKind = { each: { within: 1, kind: 'message parameter' } }
const content: FieldKind = { within: 1, kind: { named: 'message mediaType' } }

/** Only scalars have a place in the message; there is nothing in it for other values. */
const defaultValue: FieldKind = {
  choose: (value) => {
    switch (typeof value) {
      case 'number':
        return { within: 1, kind: 'double' }
      case 'boolean':
        return { within: 2, kind: 'boolean' }
      case 'string':
        return { within: 3, kind: 'string' }
      default:
        return 'message nothing'
    }
  },
}

const messages: Readonly<Record<string, Message>> = {
  document: {
    fields: {
      openapi: [1, 'string'],
      info: [2, 'message info'],
      paths: [4, { within: 1, kind: { named: 'message pathItem' } }],
      components: [5, 'message components'],
    },
  },
  nothing: { fields: {} },
  info: { fields: { title: [1, 'string'], description: [2, 'string'], version: [6, 'string'] } },
  components: {
    fields: {
      schemas: [1, schemas],
      securitySchemes: [7, { within: 1, kind: { named: { within: 1, kind: 'message securityScheme' } } }],
    },
  },
  securityScheme: {
    fields: { type: [1, 'string'], description: [2, 'string'], name: [3, 'string'], in: [4, 'string'] },
  },
  pathItem: {
    fields: {
      get: [4, 'message operation'],
      put: [5, 'message operation'],
      post: [6, 'message operation'],
      delete: [7, 'message operation'],
      options: [8, 'message operation'],
      head: [9, 'message operation'],
      patch: [10, 'message operation'],
      parameters: [13, parameters],
    },
    extensions: 14,
  },
  operation: {
    fields: {
      tags: [1, strings],
      description: [3, 'string'],
      operationId: [5, 'string'],
      parameters: [6, parameters],
      requestBody: [7, { within: 1, kind: 'message requestBody' }],
      responses: [8, { within: 2, kind: { named: { within: 1, kind: 'message response' } } }],
      deprecated: [10, 'boolean'],
    },
    extensions: 13,
  },
  parameter: {
    fields: {
      name: [1, 'string'],
      in: [2, 'string'],
      description: [3, 'string'],
      required: [4, 'boolean'],
      schema: [10, schema],
    },
    extensions: 14,
  },
  requestBody: {
    fields: { description: [1, 'string'], content: [2, content], required: [3, 'boolean'] },
    extensions: 4,
  },
  response: { fields: { description: [1, 'string'], content: [3, content] }, extensions: 5 },
  mediaType: { fields: { schema: [1, schema] }, extensions: 5 },
  reference: { fields: { $ref: [1, 'string'] } },
  schema: {
    fields: {
      nullable: [1, 'boolean'],
      readOnly: [3, 'boolean'],
      writeOnly: [4, 'boolean'],
      externalDocs: [6, 'message externalDocs'],
      example: [7, 'any'],
      deprecated: [8, 'boolean'],
      title: [9, 'string'],
      multipleOf: [10, 'double'],
      maximum: [11, 'double'],
      exclusiveMaximum: [12, 'boolean'],
      minimum: [13, 'double'],
      exclusiveMinimum: [14, 'boolean'],
      maxLength: [15, 'integer'],
      minLength: [16, 'integer'],
      pattern: [17, 'string'],
      maxItems: [18, 'integer'],
      minItems: [19, 'integer'],
      uniqueItems: [20, 'boolean'],
      maxProperties: [21, 'integer'],
      minProperties: [22, 'integer'],
      required: [23, strings],
      enum: [24, { each: 'any' }],
      type: [25, 'string'],
      allOf: [26, { each: schema }],
      oneOf: [27, { each: schema }],
      anyOf: [28, { each: schema }],
      not: [29, 'message schema'],
      items: [30, { within: 1, kind: schema }],
      properties: [31, schemas],
      additionalProperties: [
        32,
        {
          choose: (value) =>
            typeof value === 'boolean' ? { within: 2, kind: 'boolean' } : { within: 1, kind: schema },
        },
      ],
      default: [33, defaultValue],
      description: [34, 'string'],
      format: [35, 'string'],
    },
    extensions: 36,
  },
  externalDocs: { fields: { description: [1, 'string'], url: [2, 'string'] }, extensions: 3 },
}
