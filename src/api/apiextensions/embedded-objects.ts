import { invalid, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { path as rootPath } from '../../machinery/field-error.ts'
import { withSortedKeys } from '../../machinery/go-json.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'
import { parseApiVersion } from '../../machinery/resource.ts'
import { dns1035LabelErrors } from '../../machinery/validation/names.ts'
import { validateObjectMeta } from '../../machinery/validation/object-meta.ts'
import { DecodeError } from '../decode-error.ts'
import { decode } from '../decode.ts'
import { structSchema } from '../fact-schemas.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { below } from './list-validation.ts'
import { isObject, itemSchema, valueSchema, type JsonObject } from './schema-walk.ts'

/**
 * Whole objects inside custom resources (x-kubernetes-embedded-resource): their kind, version and metadata.
 * Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta.
 */
export function validateEmbeddedObjects(
  value: unknown,
  schema: JSONSchemaProps,
  at?: FieldPath,
): readonly FieldError[] {
  if (Array.isArray(value)) {
    const items = itemSchema(schema)
    if (!items) return []
    return value.flatMap((item, index) =>
      validateEmbeddedObjects(item, items, (at ?? rootPath('')).index(index)),
    )
  }
  if (!isObject(value)) return []
  const own = schema['x-kubernetes-embedded-resource'] ? validateObject(value, at) : []
  const inner = Object.entries(value).flatMap(([name, item]) => {
    const found = valueSchema(schema, name)
    if (!found) return []
    return validateEmbeddedObjects(item, found, below(at, name, found !== schema.properties?.[name]))
  })
  return [...own, ...inner]
}

function validateObject(object: JsonObject, at: FieldPath | undefined): readonly FieldError[] {
  const field = (name: string) => below(at, name, false)
  const errors: FieldError[] = []
  if (!Object.hasOwn(object, 'apiVersion')) errors.push(required(field('apiVersion')))
  if (!Object.hasOwn(object, 'kind')) errors.push(required(field('kind')))
  const { apiVersion, kind, metadata } = object
  if (apiVersion !== undefined) errors.push(...apiVersionErrors(apiVersion, field('apiVersion')))
  if (kind !== undefined) errors.push(...kindErrors(kind, field('kind')))
  if (metadata !== undefined) errors.push(...metadataErrors(metadata, field('metadata')))
  return errors
}

function apiVersionErrors(value: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof value !== 'string') return [invalid(at, withSortedKeys(value), 'must be a string')]
  if (value === '') return [invalid(at, value, 'must not be empty')]
  if (parseApiVersion(value)) return []
  return [invalid(at, value, `unexpected GroupVersion string: ${value}`)]
}

function kindErrors(value: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof value !== 'string') return [invalid(at, withSortedKeys(value), 'must be a string')]
  if (value === '') return [invalid(at, value, 'must not be empty')]
  const errors = dns1035LabelErrors(value.toLowerCase())
  if (errors.length === 0) return []
  return [invalid(at, value, `may have mixed case, but should otherwise match: ${errors.join(',')}`)]
}

function metadataErrors(value: unknown, at: FieldPath): readonly FieldError[] {
  try {
    const meta = decode(value, structSchema('meta.v1.ObjectMeta')) as ObjectMeta
    const named = meta.name ? meta : { ...meta, name: 'fakename' }
    return validateObjectMeta(named, {
      namespaced: Boolean(meta.namespace),
      nameRule: 'pathSegment',
      path: at,
    })
  } catch (error) {
    if (error instanceof DecodeError) return [invalid(at, withSortedKeys(value), error.message)]
    throw error
  }
}
