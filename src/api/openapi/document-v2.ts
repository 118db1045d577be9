import { addCustomDefinitions } from './custom-schema.ts'
import { bearerToken, byPath, versionsOf } from './document-v3.ts'
import type { JsonObject, OpenApiInput } from './input.ts'
import type { ApiOperation, ApiPath } from './operations.ts'
import type { ApiParameter } from './parameters.ts'
import { pathsOf } from './resource-paths.ts'
import { SchemaWriter } from './schema-writer.ts'
import { serverPaths } from './server-paths.ts'

/** OpenAPI v2 ("swagger"): one document of everything. */
export function openApiV2Document(input: OpenApiInput): JsonObject {
  const versions = versionsOf(input)
  const { descriptions } = input
  const writer = new SchemaWriter({ dialect: 'v2', versions, ...(descriptions && { descriptions }) })
  for (const resource of input.resources) addCustomDefinitions(resource, writer, 'v2', descriptions)
  const information = [...serverPaths(versions).values()].flat()
  const paths = [...information, ...input.resources.flatMap(pathsOf)].sort(byPath)
  const items = Object.fromEntries(paths.map((path) => [path.path, pathItem(path, writer)]))
  return openApiV2Frame(input, items, writer.finish())
}

/** What stands around the paths and the definitions. */
export function openApiV2Frame(
  { version }: OpenApiInput,
  paths: JsonObject,
  definitions: JsonObject,
): JsonObject {
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths,
    definitions,
    securityDefinitions: { BearerToken: bearerToken },
    security: [{ BearerToken: [] }],
  }
}

export function pathItem({ parameters, operations }: ApiPath, writer: SchemaWriter): JsonObject {
  return {
    ...Object.fromEntries(operations.map((operation) => [operation.method, operationOf(operation, writer)])),
    ...(parameters.length > 0 && { parameters: parameters.map(parameterOf) }),
  }
}

function operationOf(operation: ApiOperation, writer: SchemaWriter): JsonObject {
  const { action, kind, body } = operation
  const parameters = [
    ...(body
      ? [
          {
            name: 'body',
            in: 'body',
            schema: writer.reference(body.type),
            ...(body.required && { required: true }),
          },
        ]
      : []),
    ...operation.parameters.map(parameterOf),
  ]
  return {
    description: operation.description,
    ...(operation.consumes.length > 0 && { consumes: [...operation.consumes] }),
    produces: [...operation.produces],
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.operationId,
    ...(parameters.length > 0 && { parameters }),
    responses: Object.fromEntries(
      operation.responses.map(({ code, description, type }) => {
        if (type === undefined) return [String(code), { description }]
        const schema = type === 'string' ? { type } : writer.reference(type)
        return [String(code), { description, schema }]
      }),
    ),
    ...(action && { 'x-kubernetes-action': action }),
    ...(kind && { 'x-kubernetes-group-version-kind': { ...kind } }),
  }
}

function parameterOf({ name, in: place, type, required, description }: ApiParameter): JsonObject {
  return {
    uniqueItems: true,
    type,
    ...(description && { description }),
    name,
    in: place,
    ...(required && { required }),
  }
}
