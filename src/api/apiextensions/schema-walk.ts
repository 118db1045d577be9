import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The schema of the items of a list, where there is one for all. */
export function itemSchema({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  return items === undefined || Array.isArray(items) ? undefined : (items as JSONSchemaProps)
}

/** The schema that `additionalProperties` gives. */
export function entrySchema({ additionalProperties }: JSONSchemaProps): JSONSchemaProps | undefined {
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

/** The schema of the property of that name. */
export function propertySchema({ properties }: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined
}

/** The schema of what stands under a key: of a property, else of all entries. */
export function valueSchema(schema: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  return propertySchema(schema, name) ?? entrySchema(schema)
}

/** Whether the test holds for the schema or any schema within it. */
export function someSchema(
  schema: JSONSchemaProps | undefined,
  test: (schema: JSONSchemaProps) => boolean,
): boolean {
  if (!schema) return false
  return test(schema) || schemasWithin(schema).some((inner) => someSchema(inner, test))
}

function schemasWithin(schema: JSONSchemaProps): JSONSchemaProps[] {
  const { items, allOf = [], anyOf = [], oneOf = [], not, additionalItems } = schema
  const { properties = {}, patternProperties = {}, definitions = {}, dependencies = {} } = schema
  const entries = entrySchema(schema)
  const dependent = Object.values(dependencies).filter((value) => !Array.isArray(value))
  return [
    ...(items === undefined ? [] : ((Array.isArray(items) ? items : [items]) as JSONSchemaProps[])),
    ...allOf,
    ...anyOf,
    ...oneOf,
    ...(not ? [not] : []),
    ...Object.values(properties),
    ...(entries ? [entries] : []),
    ...Object.values(patternProperties),
    ...(typeof additionalItems === 'object' ? [additionalItems] : []),
    ...Object.values(definitions),
    ...(dependent as JSONSchemaProps[]),
  ]
}
