import type { JsonValue } from '../../machinery/meta.ts'
import { someSchema } from '../apiextensions/schema-walk.ts'
import { isIntOrStringAllOf, isIntOrStringAnyOf, isStructural } from '../apiextensions/structural.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import type { DescriptionSource, JsonObject, OpenApiResource } from './input.ts'
import { definitionName, typeNames } from './names.ts'
import type { SchemaWriter } from './schema-writer.ts'

type Dialect = 'v2' | 'v3'

/**
 * Adds the definitions of a custom resource and of its list.
 * Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder.
 */
export function addCustomDefinitions(
  served: OpenApiResource,
  writer: SchemaWriter,
  dialect: Dialect,
  descriptions?: DescriptionSource,
): void {
  const { resource, custom } = served
  if (!custom) return
  const { group, version } = resource
  const native = nativeProperties(writer, dialect, descriptions)
  const selectable = custom.selectableFields?.map((fieldPath) => ({ fieldPath })) ?? []
  const extensions = (kind: string): JsonObject => ({
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
    ...(selectable.length > 0 && { 'x-kubernetes-selectable-fields': selectable }),
  })
  const name = definitionName(resource)
  writer.add(name, { ...ownSchema(custom.schema?.read(), native, dialect), ...extensions(resource.kind) })
  writer.add(definitionName({ group, version, kind: custom.listKind }), {
    description: `${custom.listKind} is a list of ${resource.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...native.type,
      items: {
        description: `List of ${resource.resource}.`,
        type: 'array',
        items: writer.reference(name),
      },
      metadata: native.listMetadata,
    },
    ...extensions(custom.listKind),
  })
}

/** What every object has, with what is said of it elsewhere. */
interface NativeProperties {
  readonly type: JsonObject
  readonly metadata: JsonObject
  readonly listMetadata: JsonObject
}

const conventions = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'

/** What conformance asks to be said of a custom object's metadata; no declaration file describes fields of such types. */
const metadataTexts = {
  object: `Standard object's metadata. More info: ${conventions}#metadata`,
  list: `Standard list metadata. More info: ${conventions}#types-kinds`,
}

/** A kind whose texts about its type are those of all kinds. */
const describedKind = 'io.k8s.api.core.v1.ConfigMap'

function nativeProperties(
  writer: SchemaWriter,
  dialect: Dialect,
  descriptions: DescriptionSource | undefined,
): NativeProperties {
  const own = descriptions?.describe(describedKind)?.fields
  const described = (name: string) => {
    const description = own?.get(name)
    return { ...(description && { description }), type: 'string' }
  }
  const metadata = (type: string, description: string): JsonObject => {
    const reference = writer.reference(type)
    const base = dialect === 'v3' ? { allOf: [reference] } : reference
    return { description, ...base }
  }
  return {
    type: { apiVersion: described('apiVersion'), kind: described('kind') },
    metadata: metadata(typeNames.objectMeta, metadataTexts.object),
    listMetadata: metadata(typeNames.listMeta, metadataTexts.list),
  }
}

/** The schema of the kind; where it says nothing that can be relied on, anything goes. */
function ownSchema(value: JsonValue | undefined, native: NativeProperties, dialect: Dialect): JsonObject {
  const props = value as JSONSchemaProps | undefined
  const isUsable = props !== undefined && !someSchema(props, hasUnknownType) && isStructural(props)
  // Old clients would take properties for all that there may be.
  if (!isUsable || (dialect === 'v2' && props['x-kubernetes-preserve-unknown-fields']))
    return { type: 'object' }
  const schema = write(props, native, dialect)
  const properties = schema.properties as JsonObject | undefined
  return { ...schema, properties: { ...properties, ...native.type, metadata: native.metadata } }
}

const types: ReadonlySet<string> = new Set(['array', 'boolean', 'integer', 'number', 'object', 'string'])

function hasUnknownType({ type }: JSONSchemaProps): boolean {
  return type !== undefined && !types.has(type)
}

/** Words of a schema that are taken over as they are. */
const plainWords = [
  'description',
  'format',
  'title',
  'default',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'enum',
  'maxProperties',
  'minProperties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
] as const

/**
 * A schema as it is published. OpenAPI v2 cannot say all of it: as upstream, what may be null or keeps unknown fields
 * has no type and no properties there, and alternatives are left out.
 */
function write(props: JSONSchemaProps, native: NativeProperties, dialect: Dialect): JsonObject {
  const isV2 = dialect === 'v2'
  const preserves = props['x-kubernetes-preserve-unknown-fields'] === true
  const isLoose = isV2 && (preserves || props.nullable === true)
  const items = isLoose ? undefined : props.items
  const properties = isLoose ? undefined : props.properties
  const type = isLoose ? looseType(props) : props.type
  const inner = (schema: JSONSchemaProps) => write(schema, native, dialect)
  const { additionalProperties } = props
  const schema: Record<string, JsonValue> = {}
  for (const word of plainWords) if (props[word] !== undefined) schema[word] = props[word] as JsonValue
  if (type) schema['type'] = type
  const required = isV2 ? requiredInV2({ ...props, ...(properties && { properties }) }) : props.required
  if (required && required.length > 0) schema['required'] = [...required]
  if (props.nullable && !isV2) schema['nullable'] = true
  if (items) schema['items'] = inner(items as JSONSchemaProps)
  if (properties) schema['properties'] = mapValues(properties, inner)
  if (additionalProperties !== undefined) {
    schema['additionalProperties'] =
      typeof additionalProperties === 'object' ? inner(additionalProperties) : additionalProperties
  }
  if (!isV2) Object.assign(schema, junctorsOf(props))
  return props['x-kubernetes-embedded-resource'] && !(isV2 && preserves) ? withNative(schema, native) : schema
}

/** kubectl copes neither with lists without items nor with objects that keep what is unknown. */
function looseType({ type, nullable }: JSONSchemaProps): string | undefined {
  return nullable || type === 'array' || type === 'object' ? undefined : type
}

function requiredInV2({ required, properties = {}, additionalProperties }: JSONSchemaProps) {
  if (typeof additionalProperties === 'object' && additionalProperties.nullable) return undefined
  return required?.filter((name) => !properties[name]?.nullable)
}

const integerOrString = [{ type: 'integer' }, { type: 'string' }]

/** Alternatives, among them the one that an int-or-string means without saying it. */
function junctorsOf(props: JSONSchemaProps): JsonObject {
  const { anyOf, oneOf, not } = props
  let { allOf } = props
  let implied: JsonValue | undefined
  if (props['x-kubernetes-int-or-string'] && !isIntOrStringAnyOf(props) && !isIntOrStringAllOf(props)) {
    if (anyOf) allOf = [{ anyOf: integerOrString }, ...(allOf ?? [])]
    else implied = integerOrString
  }
  const found = { allOf, anyOf: anyOf ?? implied, oneOf, not }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as JsonObject
}

function withNative(schema: JsonObject, native: NativeProperties): JsonObject {
  const { properties, required } = schema as { properties?: JsonObject; required?: readonly string[] }
  const needed = ['kind', 'apiVersion'].filter((name) => !required?.includes(name))
  return {
    ...schema,
    properties: { ...properties, ...native.type, metadata: native.metadata },
    required: [...(required ?? []), ...needed],
  }
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
