import type { JsonValue } from '../../machinery/meta.ts'
import type { Field, ObjectSchema, Schema } from '../../machinery/schema.ts'
import { structSchema } from '../fact-schemas.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'

/**
 * The structural schema of a custom resource in the form in which all kinds are decoded, pruned, defaulted and merged.
 * Absent, everything is kept. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema.
 */
export function compileResourceSchema(props: JSONSchemaProps | undefined): ObjectSchema {
  const root = props ? compile(props, false) : keepEverything
  const fields: Record<string, Field> = root.type === 'object' ? { ...root.fields } : {}
  return {
    type: 'object',
    isCustomResource: true,
    fields: {
      kind: typeField,
      apiVersion: typeField,
      metadata: { schema: structSchema('meta.v1.ObjectMeta') },
      ...withoutMeta(fields),
    },
    ...(root.type !== 'object' || root.preserveUnknown ? { preserveUnknown: true } : {}),
    ...(root.type === 'object' && root.structType && { structType: root.structType }),
    ...(props?.required && { required: props.required }),
  }
}

const typeField: Field = { schema: { type: 'string' } }
const keepEverything: ObjectSchema = { type: 'object', fields: {}, preserveUnknown: true }
/** What Go's pruning does below `additionalProperties: true`: keys stay, fields of what they hold do not. */
const withoutFields: ObjectSchema = { type: 'object', fields: {} }

function withoutMeta(fields: Readonly<Record<string, Field>>): Readonly<Record<string, Field>> {
  const { kind: _kind, apiVersion: _apiVersion, metadata: _metadata, ...rest } = fields
  return rest
}

/** `preserving`: an enclosing list keeps what its items do not declare. */
function compile(props: JSONSchemaProps, preserving: boolean): Schema {
  if (props['x-kubernetes-int-or-string']) return { type: 'intOrString' }
  const preserves = preserving || props['x-kubernetes-preserve-unknown-fields'] === true
  switch (props.type) {
    case 'array':
      return compileList(props, preserves)
    case 'string':
      return { type: 'string', ...(props.format && { format: props.format }) }
    case 'boolean':
      return { type: 'boolean' }
    case 'integer':
    case 'number':
      return { type: props.type, ...(props.format && { format: props.format }) }
    case 'object':
      return compileObject(props, preserves)
    default:
      return props.properties || props.additionalProperties !== undefined
        ? compileObject(props, preserves)
        : { type: 'any' }
  }
}

function compileList(props: JSONSchemaProps, preserves: boolean): Schema {
  const { items } = props
  const listType = props['x-kubernetes-list-type']
  const mapKeys = props['x-kubernetes-list-map-keys']
  const itemProps = items === undefined || Array.isArray(items) ? undefined : (items as JSONSchemaProps)
  return {
    type: 'list',
    items: itemProps ? compile(itemProps, preserves) : { type: 'any' },
    listType: listType === 'set' || listType === 'map' ? listType : 'atomic',
    ...(listType === undefined && { undeclared: true }),
    ...(mapKeys && { mapKeys }),
  }
}

function compileObject(props: JSONSchemaProps, preserves: boolean): Schema {
  const { properties = {}, additionalProperties } = props
  const atomic = props['x-kubernetes-map-type'] === 'atomic'
  const hasProperties = Object.keys(properties).length > 0
  if (additionalProperties !== undefined && !hasProperties) {
    const isSchema = typeof additionalProperties === 'object'
    return {
      type: 'map',
      values: isSchema ? compile(additionalProperties, false) : preserves ? { type: 'any' } : withoutFields,
      ...(!(isSchema && !additionalProperties.nullable) && { nullable: true }),
      ...(atomic && { mapType: 'atomic' as const }),
    }
  }
  return new CustomObjectSchema(props, preserves || additionalProperties !== undefined, atomic)
}

/** Fields are compiled when an object of the type is met. */
class CustomObjectSchema implements ObjectSchema {
  readonly type = 'object'
  declare readonly preserveUnknown?: boolean
  declare readonly others?: Schema
  declare readonly embeddedResource?: boolean
  declare readonly structType?: 'atomic'
  declare readonly required?: readonly string[]
  readonly #props: JSONSchemaProps
  #fields: Readonly<Record<string, Field>> | undefined

  constructor(props: JSONSchemaProps, preserves: boolean, atomic: boolean) {
    this.#props = props
    if (preserves) this.preserveUnknown = true
    if (props.additionalProperties !== undefined) this.others = withoutFields
    if (props['x-kubernetes-embedded-resource']) this.embeddedResource = true
    if (atomic) this.structType = 'atomic'
    if (props.required) this.required = props.required
  }

  get fields(): Readonly<Record<string, Field>> {
    this.#fields ??= Object.fromEntries(
      Object.entries(this.#props.properties ?? {}).map(([name, props]) => [name, compileField(props)]),
    )
    return this.#fields
  }
}

function compileField(props: JSONSchemaProps): Field {
  return {
    schema: compile(props, false),
    ...(hasDefault(props) && { default: props.default as JsonValue }),
    ...(props.nullable && { nullable: true }),
  }
}

/** A default of null is none. */
export function hasDefault(props: JSONSchemaProps): boolean {
  return props.default !== undefined && props.default !== null
}
