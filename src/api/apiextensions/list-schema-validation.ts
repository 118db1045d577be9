import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { internalList } from '../internal-form.ts'
import { hasDefault } from './compile-schema.ts'
import { itemSchema } from './schema-walk.ts'

/** What x-kubernetes-list-type and x-kubernetes-list-map-keys ask of a schema. */
export function listErrors(
  schema: JSONSchemaProps,
  at: FieldPath,
  requiresAtomicSets: boolean,
): readonly FieldError[] {
  const listType = schema['x-kubernetes-list-type']
  const mapKeys = schema['x-kubernetes-list-map-keys'] ?? []
  const field = at.child('x-kubernetes-list-type')
  const errors: FieldError[] = []
  if (listType !== undefined && schema.type !== 'array') {
    const detail = 'must be array if x-kubernetes-list-type is specified'
    errors.push(
      schema.type ? invalid(at.child('type'), schema.type, detail) : required(at.child('type'), detail),
    )
  } else if (listType === 'set' && requiresAtomicSets) {
    errors.push(...setItemErrors(itemSchema(schema), at.child('items')))
  }
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(field, listType, ['atomic', 'set', 'map']))
  }
  if (mapKeys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty'
    errors.push(listType === undefined ? required(field, detail) : invalid(field, listType, detail))
  }
  if (listType === 'map') errors.push(...mapErrors(schema, mapKeys, at))
  return errors
}

function setItemErrors(items: JSONSchemaProps | undefined, at: FieldPath): readonly FieldError[] {
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set'
  const listType = items?.['x-kubernetes-list-type']
  if (items?.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [invalid(at.child('x-kubernetes-list-type'), listType, detail)]
  }
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    return [invalid(at.child('x-kubernetes-map-type'), listType ?? null, detail)]
  }
  return []
}

function mapErrors(schema: JSONSchemaProps, keys: readonly string[], at: FieldPath): readonly FieldError[] {
  const field = at.child('x-kubernetes-list-map-keys')
  const items = itemSchema(schema)
  const errors: FieldError[] = []
  if (keys.length === 0) errors.push(required(field, 'must not be empty if x-kubernetes-list-type is map'))
  if (schema.items === undefined) {
    errors.push(required(at.child('items'), 'must have a schema if x-kubernetes-list-type is map'))
  } else if (!items) {
    const detail = 'must only have a single schema if x-kubernetes-list-type is map'
    const shown = {
      Schema: null,
      JSONSchemas: internalList('apiextensions.v1.JSONSchemaProps', [schema.items].flat()),
    }
    errors.push(invalid(at.child('items'), shown, detail))
  } else if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map"
    errors.push(invalid(at.child('items').child('type'), items.type ?? '', detail))
  } else {
    for (const [index, key] of keys.entries()) {
      const property = items.properties?.[key]
      if (!property) errors.push(invalid(field, keys, 'entries must all be names of item properties'))
      else if (property.type === 'array' || property.type === 'object') {
        const type = at.child('items').child('properties').key(key).child('type')
        errors.push(
          invalid(type, items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"),
        )
      }
      if (keys.indexOf(key) < index) errors.push(invalid(field, keys, 'must not contain duplicate entries'))
    }
  }
  return errors
}

/** Keys must always be there, and items be something. */
export function mapListErrors(schema: JSONSchemaProps, at: FieldPath | undefined): readonly FieldError[] {
  const items = itemSchema(schema)
  const listType = schema['x-kubernetes-list-type']
  if (!items || (listType !== 'set' && listType !== 'map')) return []
  const field = (at ?? path('schema')).child('items')
  const errors: FieldError[] = []
  if (items.nullable) {
    errors.push(
      forbidden(field.child('nullable'), `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    )
  }
  if (listType === 'set') return errors
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = items.properties?.[key]
    if (!property) continue
    const own = field.child('properties').key(key)
    if (!items.required?.includes(key) && !hasDefault(property)) {
      const detail =
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
      errors.push(required(own.child('default'), detail))
    }
    if (property.nullable) {
      const detail = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'
      errors.push(forbidden(own.child('nullable'), detail))
    }
  }
  return errors
}
