import { encodeDocument, isObject, type FieldKind, type Message } from './encode-document.ts'
import type { JsonObject } from './input.ts'

/** The media type to answer with. */
export const openApiV2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/**
 * An OpenAPI v2 document as protobuf: message openapi.v2.Document of gnostic, which kubectl before 1.27 insists on.
 * Source: gnostic's openapiv2/OpenAPIv2.proto.
 */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  return encodeDocument(messages, 'document', document)
}

const strings: FieldKind = { each: 'string' }
const parameters: FieldKind = {
  each: {
    within: 1,
    kind: {
      choose: (value) => {
        switch (isObject(value) ? value.in : undefined) {
          case 'body':
            return { within: 1, kind: 'message bodyParameter' }
          case 'path':
            return { within: 2, kind: { within: 4, kind: 'message pathParameter' } }
          default:
            return { within: 2, kind: { within: 3, kind: 'message queryParameter' } }
        }
      },
    },
  },
}

const messages: Readonly<Record<string, Message>> = {
  document: {
    fields: {
      swagger: [1, 'string'],
      info: [2, 'message info'],
      paths: [8, { within: 2, kind: { named: 'message pathItem' } }],
      definitions: [9, { within: 1, kind: { named: 'message schema' } }],
      security: [12, { each: { within: 1, kind: { named: { within: 1, kind: strings } } } }],
      securityDefinitions: [13, { within: 1, kind: { named: { within: 2, kind: 'message apiKey' } } }],
    },
  },
  info: { fields: { title: [1, 'string'], version: [2, 'string'] } },
  apiKey: {
    fields: { type: [1, 'string'], name: [2, 'string'], in: [3, 'string'], description: [4, 'string'] },
  },
  pathItem: {
    fields: {
      get: [2, 'message operation'],
      put: [3, 'message operation'],
      post: [4, 'message operation'],
      delete: [5, 'message operation'],
      options: [6, 'message operation'],
      head: [7, 'message operation'],
      patch: [8, 'message operation'],
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
      responses: [9, { within: 1, kind: { named: { within: 1, kind: 'message response' } } }],
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
      schema: [5, 'message schema'],
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
  response: { fields: { description: [1, 'string'], schema: [2, { within: 1, kind: 'message schema' }] } },
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
            typeof value === 'boolean'
              ? { within: 2, kind: 'boolean' }
              : { within: 1, kind: 'message schema' },
        },
      ],
      type: [22, { within: 1, kind: 'string' }],
      items: [23, { within: 1, kind: 'message schema' }],
      allOf: [24, { each: 'message schema' }],
      properties: [25, { within: 1, kind: { named: 'message schema' } }],
      example: [30, 'any'],
    },
    extensions: 31,
  },
}
