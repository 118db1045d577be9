import { createHash } from 'node:crypto'
import { addCustomDefinitions } from './custom-schema.ts'
import { groupVersionPath, type JsonObject, type OpenApiInput, type OpenApiResource } from './input.ts'
import type { ApiOperation, ApiPath, ApiResponse } from './operations.ts'
import type { ApiParameter } from './parameters.ts'
import { pathsOf } from './resource-paths.ts'
import { SchemaWriter } from './schema-writer.ts'
import { serverPaths } from './server-paths.ts'

/** OpenAPI v3: one document per group and version, and an index of them that names each by a hash. */

/** The names of all documents: `api/v1`, `apis/apps/v1`, `version`. */
export function openApiV3Names(input: OpenApiInput): readonly string[] {
  return [...serverPaths(versionsOf(input)).keys()].sort()
}

/**
 * What changes exactly when a document may change. It is made of what the document is made of and not of the document,
 * so that the index costs nothing.
 */
export function openApiV3Hash(input: OpenApiInput, name: string): string {
  const resources = resourcesOf(input, name)
  // Which versions there are shows in every document, in the kinds of DeleteOptions.
  const versions = resources.length > 0 ? versionsKey(input) : ''
  return createHash('sha256')
    .update(JSON.stringify([name, describedInput(input, resources), versions]))
    .digest('hex')
    .toUpperCase()
}

/** What is said of these resources is made of this, and of nothing else. */
export function describedInput(input: OpenApiInput, resources: readonly OpenApiResource[]): string {
  const about = resources.map(({ custom, ...resource }) => {
    const { schema, ...named } = custom ?? {}
    return [resource, custom ? named : null, schema?.id() ?? null]
  })
  return createHash('sha256')
    .update(JSON.stringify([input.version, input.descriptions?.id ?? '', about]))
    .digest('hex')
}

/** `/openapi/v3` */
export function openApiV3Index(input: OpenApiInput): JsonObject {
  const entries = openApiV3Names(input).map((name) => [
    name,
    { serverRelativeURL: openApiV3Url(input, name) },
  ])
  return { paths: Object.fromEntries(entries) as JsonObject }
}

/** `/openapi/v3/apis/apps/v1?hash=...` */
export function openApiV3Url(input: OpenApiInput, name: string): string {
  return `/openapi/v3/${name}?hash=${openApiV3Hash(input, name)}`
}

/** The document of that name; undefined when there is none. */
export function openApiV3Document(input: OpenApiInput, name: string): JsonObject | undefined {
  const versions = versionsOf(input)
  const information = serverPaths(versions).get(name)
  if (!information) return undefined
  const { descriptions } = input
  const writer = new SchemaWriter({ dialect: 'v3', versions, ...(descriptions && { descriptions }) })
  const resources = resourcesOf(input, name)
  for (const resource of resources) addCustomDefinitions(resource, writer, 'v3', descriptions)
  const paths = [...information, ...resources.flatMap(pathsOf)].sort(byPath)
  const items = Object.fromEntries(paths.map((path) => [path.path, pathItem(path, writer)]))
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: input.version },
    paths: items,
    components: { schemas: writer.finish(), securitySchemes: { BearerToken: bearerToken } },
  }
}

/** What is found in an input once, and looked at for each of its documents. */
interface Sorted {
  readonly versions: readonly GroupVersion[]
  readonly versionsKey: string
  readonly resources: ReadonlyMap<string, readonly OpenApiResource[]>
}

interface GroupVersion {
  readonly group: string
  readonly version: string
}

const sortedInputs = new WeakMap<OpenApiInput, Sorted>()

function sorted(input: OpenApiInput): Sorted {
  let found = sortedInputs.get(input)
  if (!found) {
    const versions = findVersions(input)
    const resources = Map.groupBy(input.resources, ({ resource }) => groupVersionPath(resource))
    found = { versions, versionsKey: JSON.stringify(versions), resources }
    sortedInputs.set(input, found)
  }
  return found
}

/** Every group and version that is served, once. */
export function versionsOf(input: OpenApiInput): readonly GroupVersion[] {
  return sorted(input).versions
}

function versionsKey(input: OpenApiInput): string {
  return sorted(input).versionsKey
}

function findVersions(input: OpenApiInput): readonly GroupVersion[] {
  const byPath = new Map(
    input.resources.map(({ resource: { group, version } }) => [
      groupVersionPath({ group, version }),
      { group, version },
    ]),
  )
  return [...byPath].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, version]) => version)
}

export const bearerToken: JsonObject = {
  type: 'apiKey',
  name: 'authorization',
  in: 'header',
  description: 'Bearer Token authentication',
}

export function byPath(left: { readonly path: string }, right: { readonly path: string }): number {
  return left.path < right.path ? -1 : 1
}

function resourcesOf(input: OpenApiInput, name: string): readonly OpenApiResource[] {
  return sorted(input).resources.get(name) ?? []
}

function pathItem({ parameters, operations }: ApiPath, writer: SchemaWriter): JsonObject {
  return {
    ...Object.fromEntries(operations.map((operation) => [operation.method, operationOf(operation, writer)])),
    ...(parameters.length > 0 && { parameters: parameters.map(parameterOf) }),
  }
}

function operationOf(operation: ApiOperation, writer: SchemaWriter): JsonObject {
  const { action, kind, body, parameters } = operation
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.operationId,
    ...(parameters.length > 0 && { parameters: parameters.map(parameterOf) }),
    ...(body && {
      requestBody: {
        content: contentOf(operation.consumes, writer.reference(body.type)),
        ...(body.required && { required: true }),
      },
    }),
    responses: Object.fromEntries(
      operation.responses.map((response) => [String(response.code), responseOf(response, operation, writer)]),
    ),
    ...(action && { 'x-kubernetes-action': action }),
    ...(kind && { 'x-kubernetes-group-version-kind': { ...kind } }),
  }
}

function responseOf(
  { description, type }: ApiResponse,
  operation: ApiOperation,
  writer: SchemaWriter,
): JsonObject {
  if (type === undefined) return { description }
  const schema = type === 'string' ? { type } : writer.reference(type)
  return { description, content: contentOf(operation.produces, schema) }
}

function contentOf(types: readonly string[], schema: JsonObject): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema }]))
}

function parameterOf({ name, in: place, type, required, description }: ApiParameter): JsonObject {
  return {
    name,
    in: place,
    ...(description && { description }),
    ...(required && { required }),
    schema: { type, uniqueItems: true },
  }
}
