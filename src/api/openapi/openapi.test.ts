import assert from 'node:assert/strict'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import type { PublishedSchema } from '../definition.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { customResourceDefinitions, deployments, pods, services } from '../generated/resources.ts'
import { declarationNames, readDeclaredDescriptions } from './declared-descriptions.ts'
import { type DocumentPart, openApiV2Text } from './document-v2-parts.ts'
import { openApiV2Document } from './document-v2.ts'
import { openApiV3Document, openApiV3Hash, openApiV3Index, openApiV3Names } from './document-v3.ts'
import { encodeOpenApiV2 } from './encode-v2.ts'
import { encodeOpenApiV3 } from './encode-v3.ts'
import type { JsonObject, OpenApiInput, OpenApiResource } from './input.ts'

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
const scale = {
  name: 'scale',
  kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  verbs: ['get', 'update', 'patch'],
}
const exec = { name: 'exec', kind: { group: '', version: 'v1', kind: 'PodExecOptions' }, verbs: ['connect'] }

const thingSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, default: 3 },
        port: { 'x-kubernetes-int-or-string': true },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { a: { type: 'string' } },
        },
        maybe: { type: 'string', nullable: true },
      },
    },
  },
} as const

function published(schema: JsonValue): PublishedSchema {
  return { id: () => JSON.stringify(schema), read: () => schema }
}

const things: OpenApiResource = {
  resource: {
    group: 'stable.example.com',
    version: 'v1',
    resource: 'things',
    kind: 'Thing',
    namespaced: true,
  },
  verbs,
  custom: {
    listKind: 'ThingList',
    schema: published(thingSchema),
  },
}

const input: OpenApiInput = {
  version: 'v1.36.0',
  resources: [
    { resource: pods, verbs, subresources: [exec] },
    { resource: services, verbs },
    { resource: deployments, verbs, subresources: [scale] },
    { resource: customResourceDefinitions, verbs },
    things,
  ],
}

/** Follows keys into a document. */
function at(document: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document)
}

const podSpec = 'io.k8s.api.core.v1.PodSpec'

test('openApiV3Index names each document by a hash of what it is made of', () => {
  const names = openApiV3Names(input)
  for (const name of [
    'api',
    'api/v1',
    'apis',
    'apis/apps',
    'apis/apps/v1',
    'apis/stable.example.com/v1',
    'version',
  ]) {
    assert.ok(names.includes(name), name)
  }
  const url = at(openApiV3Index(input), 'paths', 'apis/apps/v1', 'serverRelativeURL')
  assert.equal(url, `/openapi/v3/apis/apps/v1?hash=${openApiV3Hash(input, 'apis/apps/v1')}`)
  const other = { ...input, resources: input.resources.filter((resource) => resource !== things) }
  assert.notEqual(
    openApiV3Hash(other, 'apis/stable.example.com/v1'),
    openApiV3Hash(input, 'apis/stable.example.com/v1'),
  )
  assert.equal(openApiV3Hash(other, 'version'), openApiV3Hash(input, 'version'))
  assert.equal(openApiV3Document(input, 'apis/none/v1'), undefined)
})

test('every document refers only to definitions that it has', () => {
  const documents = [
    ...openApiV3Names(input).map((name) => openApiV3Document(input, name)),
    openApiV2Document(input),
  ]
  for (const document of documents) {
    const text = JSON.stringify(document)
    for (const [, place = '', name = ''] of text.matchAll(
      /"\$ref":"#\/(definitions|components\/schemas)\/([^"]+)"/g,
    )) {
      assert.ok(at(document, ...place.split('/'), name), name)
    }
  }
})

test('v3 has defaults, enums and references that may be described', () => {
  const schemas = at(openApiV3Document(input, 'api/v1'), 'components', 'schemas')
  assert.deepEqual(at(schemas, podSpec, 'properties', 'containers'), {
    type: 'array',
    items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }], default: {} },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
  })
  assert.deepEqual(at(schemas, 'io.k8s.api.core.v1.ContainerPort', 'properties', 'protocol'), {
    type: 'string',
    enum: ['SCTP', 'TCP', 'UDP'],
    default: 'TCP',
  })
  assert.deepEqual(at(schemas, 'io.k8s.api.core.v1.ContainerPort', 'required'), ['containerPort'])
  assert.deepEqual(at(schemas, 'io.k8s.apimachinery.pkg.api.resource.Quantity'), {
    oneOf: [{ type: 'string' }, { type: 'number' }],
  })
  assert.deepEqual(at(schemas, 'io.k8s.api.core.v1.Pod', 'x-kubernetes-group-version-kind'), [
    { group: '', version: 'v1', kind: 'Pod' },
  ])
})

test('operations name their action, kind and parameters', () => {
  const paths = at(openApiV3Document(input, 'apis/apps/v1'), 'paths')
  const item = at(paths, '/apis/apps/v1/namespaces/{namespace}/deployments/{name}')
  assert.equal(at(item, 'patch', 'operationId'), 'patchAppsV1NamespacedDeployment')
  assert.equal(at(item, 'patch', 'x-kubernetes-action'), 'patch')
  const names = (at(item, 'patch', 'parameters') as readonly JsonObject[]).map(({ name }) => name)
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
  assert.deepEqual(Object.keys(at(item, 'patch', 'requestBody', 'content') as object), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ])
  const scalePath = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale'
  assert.deepEqual(at(paths, scalePath, 'put', 'x-kubernetes-group-version-kind'), scale.kind)
  const connect = at(
    openApiV2Document(input),
    'paths',
    '/api/v1/namespaces/{namespace}/pods/{name}/exec',
    'post',
  )
  assert.equal(at(connect, 'operationId'), 'connectCoreV1PostNamespacedPodExec')
})

const standardMetadata =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

test('openApiV2Text is the document of openApiV2Document, and makes again only the parts that changed', async () => {
  const made: string[] = []
  const known = new Map<string, DocumentPart>()
  const keep = (value: Buffer) => ({ value })
  const parts = { known, keep, pause: async () => void made.push('part') }
  const others: OpenApiResource = {
    ...things,
    resource: { ...things.resource, group: 'a.example.com', resource: 'others', kind: 'Other' },
    custom: { listKind: 'OtherList', schema: published({ type: 'object', description: 'Größe "x"' }) },
  }
  const changed = { ...others, custom: { listKind: 'OtherList', schema: published({ type: 'object' }) } }
  for (const [resources, makes] of [
    [[...input.resources, others], 2],
    [[...input.resources, others], 0],
    [[...input.resources, changed], 1],
    [input.resources, 0],
    [[...input.resources, changed], 1],
    [[], 0],
  ] as const) {
    const one = { ...input, resources }
    made.length = 0
    const text = await openApiV2Text(one, parts)
    const bytes = Buffer.concat([...text.pieces()])
    assert.equal(bytes.toString(), JSON.stringify(openApiV2Document(one)))
    assert.equal(text.length, bytes.length)
    assert.deepEqual([made.length, known.size], [makes, resources.filter(({ custom }) => custom).length])
  }
})

test('custom resources keep their schema in v3 and a weaker one in v2', () => {
  const name = 'com.example.stable.v1.Thing'
  const v3 = at(openApiV3Document(input, 'apis/stable.example.com/v1'), 'components', 'schemas', name)
  const given = at(thingSchema, 'properties', 'spec', 'properties') as JsonObject
  assert.deepEqual(at(v3, 'properties', 'spec', 'properties'), {
    ...given,
    port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
  })
  assert.deepEqual(at(v3, 'properties', 'metadata'), {
    description: standardMetadata,
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
  })
  const v2 = at(openApiV2Document(input), 'definitions', name)
  assert.deepEqual(at(v2, 'properties', 'metadata'), {
    description: standardMetadata,
    $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  })
  assert.deepEqual(at(v2, 'properties', 'spec', 'properties'), {
    size: { type: 'integer', minimum: 1, default: 3 },
    port: { 'x-kubernetes-int-or-string': true },
    free: { 'x-kubernetes-preserve-unknown-fields': true },
    maybe: {},
  })
  const patch = at(
    openApiV2Document(input),
    'paths',
    '/apis/stable.example.com/v1/namespaces/{namespace}/things/{name}',
    'patch',
  )
  assert.deepEqual(at(patch, 'consumes'), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ])
})

test('encodeOpenApiV2 writes the messages that old kubectl reads', () => {
  const { root } = protobuf.parse(`syntax = "proto3";
    message Any { string yaml = 2; }
    message NamedAny { string name = 1; Any value = 2; }
    message TypeItem { repeated string value = 1; }
    message ItemsItem { repeated Schema schema = 1; }
    message Properties { repeated NamedSchema additional_properties = 1; }
    message NamedSchema { string name = 1; Schema value = 2; }
    message Schema { string ref = 1; string format = 2; double minimum = 9; repeated string required = 19; TypeItem type = 22; ItemsItem items = 23; Properties properties = 25; repeated NamedAny vendor_extension = 31; }
    message Query { bool required = 1; string in = 2; string name = 4; string type = 6; bool unique_items = 20; }
    message NonBody { Query query = 3; }
    message Body { string name = 2; bool required = 4; Schema schema = 5; }
    message Parameter { Body body = 1; NonBody non_body = 2; }
    message ParametersItem { Parameter parameter = 1; }
    message Operation { repeated string tags = 1; string operation_id = 5; repeated ParametersItem parameters = 8; repeated NamedAny vendor_extension = 13; }
    message PathItem { Operation post = 4; }
    message NamedPathItem { string name = 1; PathItem value = 2; }
    message Paths { repeated NamedPathItem path = 2; }
    message Definitions { repeated NamedSchema additional_properties = 1; }
    message Info { string title = 1; string version = 2; }
    message Document { string swagger = 1; Info info = 2; Paths paths = 8; Definitions definitions = 9; }`)
  const type = root.lookupType('Document')
  const document = openApiV2Document(input)
  const read = type.toObject(type.decode(encodeOpenApiV2(document))) as {
    swagger: string
    info: object
    paths: { path: { name: string; value: { post?: Record<string, unknown> } }[] }
    definitions: { additionalProperties: { name: string; value: Record<string, unknown> }[] }
  }
  assert.equal(read.swagger, '2.0')
  assert.deepEqual(read.info, { title: 'Kubernetes', version: 'v1.36.0' })
  assert.deepEqual(
    read.paths.path.map(({ name }) => name),
    Object.keys(document.paths as object),
  )
  const create = read.paths.path.find(({ name }) => name === '/api/v1/namespaces/{namespace}/pods')?.value
    .post
  assert.equal(create?.operationId, 'createCoreV1NamespacedPod')
  assert.deepEqual(create?.vendorExtension, [
    { name: 'x-kubernetes-action', value: { yaml: '"post"\n' } },
    {
      name: 'x-kubernetes-group-version-kind',
      value: { yaml: '{"group":"","version":"v1","kind":"Pod"}\n' },
    },
  ])
  const [body, dryRun] = (create?.parameters ?? []) as { parameter: Record<string, unknown> }[]
  assert.deepEqual(body, {
    parameter: {
      body: { name: 'body', required: true, schema: { ref: '#/definitions/io.k8s.api.core.v1.Pod' } },
    },
  })
  assert.deepEqual(dryRun, {
    parameter: { nonBody: { query: { in: 'query', name: 'dryRun', type: 'string', uniqueItems: true } } },
  })
  const pod = read.definitions.additionalProperties.find(
    ({ name }) => name === 'io.k8s.api.core.v1.PodTemplateSpec',
  )
  assert.deepEqual(pod?.value.type, { value: ['object'] })
  const definitions = new Map(read.definitions.additionalProperties.map(({ name, value }) => [name, value]))
  assert.deepEqual(definitions.get('io.k8s.api.core.v1.ContainerPort')?.required, ['containerPort'])
})

test('encodeOpenApiV3 writes the messages of gnostic', () => {
  const { root } = protobuf.parse(`syntax = "proto3";
    message Any { string yaml = 2; }
    message NamedAny { string name = 1; Any value = 2; }
    message Reference { string ref = 1; }
    message DefaultType { oneof value { double number = 1; bool boolean = 2; string string = 3; } }
    message ItemsItem { repeated SchemaOrReference item = 1; }
    message AdditionalPropertiesItem { oneof value { SchemaOrReference schema = 1; bool boolean = 2; } }
    message Schemas { repeated NamedSchema additional_properties = 1; }
    message NamedSchema { string name = 1; SchemaOrReference value = 2; }
    message SchemaOrReference { oneof value { Schema schema = 1; Reference reference = 2; } }
    message Schema {
      bool unique_items = 20; repeated string required = 23; string type = 25; repeated SchemaOrReference all_of = 26;
      ItemsItem items = 30; Schemas properties = 31; AdditionalPropertiesItem additional_properties = 32;
      DefaultType default = 33; string description = 34; string format = 35; repeated NamedAny extension = 36;
    }
    message MediaType { SchemaOrReference schema = 1; }
    message NamedMediaType { string name = 1; MediaType value = 2; }
    message MediaTypes { repeated NamedMediaType additional_properties = 1; }
    message RequestBody { MediaTypes content = 2; bool required = 3; }
    message RequestBodyOrReference { RequestBody request_body = 1; }
    message Response { string description = 1; MediaTypes content = 3; }
    message ResponseOrReference { Response response = 1; }
    message NamedResponse { string name = 1; ResponseOrReference value = 2; }
    message Responses { repeated NamedResponse response = 2; }
    message Parameter { string name = 1; string in = 2; bool required = 4; SchemaOrReference schema = 10; }
    message ParameterOrReference { Parameter parameter = 1; }
    message Operation {
      repeated string tags = 1; string operation_id = 5; repeated ParameterOrReference parameters = 6;
      RequestBodyOrReference request_body = 7; Responses responses = 8; repeated NamedAny extension = 13;
    }
    message PathItem { Operation post = 6; repeated ParameterOrReference parameters = 13; }
    message NamedPathItem { string name = 1; PathItem value = 2; }
    message Paths { repeated NamedPathItem path = 1; }
    message SecurityScheme { string type = 1; string name = 3; string in = 4; }
    message SecuritySchemeOrReference { SecurityScheme security_scheme = 1; }
    message NamedSecurityScheme { string name = 1; SecuritySchemeOrReference value = 2; }
    message SecuritySchemes { repeated NamedSecurityScheme additional_properties = 1; }
    message Components { Schemas schemas = 1; SecuritySchemes security_schemes = 7; }
    message Info { string title = 1; string version = 6; }
    message Document { string openapi = 1; Info info = 2; Paths paths = 4; Components components = 5; }`)
  const type = root.lookupType('Document')
  const document = openApiV3Document(input, 'api/v1')!
  type Named<T> = readonly { readonly name: string; readonly value: T }[]
  const read = type.toObject(type.decode(encodeOpenApiV3(document))) as {
    readonly openapi: string
    readonly info: object
    readonly paths: { readonly path: Named<{ readonly post?: Record<string, unknown> }> }
    readonly components: {
      readonly schemas: { readonly additionalProperties: Named<{ readonly schema: Record<string, unknown> }> }
      readonly securitySchemes: { readonly additionalProperties: readonly unknown[] }
    }
  }
  assert.equal(read.openapi, '3.0.0')
  assert.deepEqual(read.info, { title: 'Kubernetes', version: 'v1.36.0' })
  assert.deepEqual(
    read.paths.path.map(({ name }) => name),
    Object.keys(document['paths'] as object),
  )
  const create = read.paths.path.find(({ name }) => name.endsWith('namespaces/{namespace}/pods'))!.value.post!
  assert.equal(create['operationId'], 'createCoreV1NamespacedPod')
  const pod = { schema: { reference: { ref: '#/components/schemas/io.k8s.api.core.v1.Pod' } } }
  const { requestBody } = create['requestBody'] as { requestBody: { content: object; required: boolean } }
  assert.equal(requestBody.required, true)
  assert.deepEqual(requestBody.content, { additionalProperties: [{ name: '*/*', value: pod }] })
  const dryRun = { name: 'dryRun', in: 'query', schema: { schema: { type: 'string', uniqueItems: true } } }
  assert.deepEqual((create['parameters'] as readonly unknown[])[0], { parameter: dryRun })

  const schemas = new Map(
    read.components.schemas.additionalProperties.map(({ name, value }) => [name, value.schema]),
  )
  const port = schemas.get('io.k8s.api.core.v1.ContainerPort')
  assert.deepEqual(port?.['required'], ['containerPort'])
  const { properties } = port as { properties: { additionalProperties: Named<{ schema: object }> } }
  const containerPort = properties.additionalProperties.find(({ name }) => name === 'containerPort')
  assert.partialDeepStrictEqual(containerPort?.value.schema, {
    type: 'integer',
    format: 'int32',
    default: { number: 0 },
  })
  assert.partialDeepStrictEqual(schemas.get('io.k8s.api.core.v1.Pod')?.['extension'], [
    {
      name: 'x-kubernetes-group-version-kind',
      value: { yaml: '[{"group":"","version":"v1","kind":"Pod"}]\n' },
    },
  ])
  assert.deepEqual(read.components.securitySchemes.additionalProperties, [
    {
      name: 'BearerToken',
      value: { securityScheme: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  ])
})

test('readDeclaredDescriptions finds the texts of a class and its fields', () => {
  const declaration = `/**
 * About the file
 */
import { V1Other } from './V1Other.js';
/**
* About the type, with an \\'apostrophe\\'.
*/
export declare class V1Thing {
    /**
    * About default.
    */
    '_default'?: any;
    'bare'?: string;
    /**
    * About a field
    * on two lines.
    */
    'other': V1Other;
    static readonly discriminator: string | undefined;
}`
  assert.deepEqual(readDeclaredDescriptions(declaration), {
    type: "About the type, with an 'apostrophe'.",
    fields: new Map([
      ['default', 'About default.'],
      ['other', 'About a field\non two lines.'],
    ]),
  })
  assert.deepEqual(declarationNames('io.k8s.api.events.v1.Event'), ['EventsV1Event', 'V1Event'])
})

test('descriptions go beside references in v2 and around them in v3', () => {
  const described: OpenApiInput = {
    ...input,
    descriptions: {
      id: 'test',
      describe: () => ({ type: 'A type.', fields: new Map([['spec', 'The spec.']]) }),
    },
  }
  const pod = ['io.k8s.api.core.v1.Pod', 'properties', 'spec']
  assert.deepEqual(at(openApiV2Document(described), 'definitions', ...pod), {
    $ref: `#/definitions/${podSpec}`,
    description: 'The spec.',
  })
  assert.deepEqual(at(openApiV3Document(described, 'api/v1'), 'components', 'schemas', ...pod), {
    allOf: [{ $ref: `#/components/schemas/${podSpec}` }],
    description: 'The spec.',
    default: {},
  })
})
