import { invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { withSortedKeys } from '../../machinery/go-json.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { decode } from '../decode.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { compileResourceSchema, hasDefault } from './compile-schema.ts'
import { validateEmbeddedObjects } from './embedded-objects.ts'
import { RuleSet } from './rule-set.ts'
import { itemSchema, someSchema } from './schema-walk.ts'
import { validateValue } from './value-validator.ts'

/**
 * Defaults must be values of their own schemas, rules included.
 * Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting.
 */
export function defaultErrors(
  schema: JSONSchemaProps,
  at: FieldPath,
  requiresPruned: boolean,
): readonly FieldError[] {
  const errors: FieldError[] = []
  if (hasDefault(schema)) errors.push(...ownErrors(schema, at.child('default'), requiresPruned))
  const items = itemSchema(schema)
  if (items) errors.push(...defaultErrors(items, at.child('items'), requiresPruned))
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(property, at.child('properties').key(name), requiresPruned))
  }
  return errors
}

function ownErrors(schema: JSONSchemaProps, at: FieldPath, requiresPruned: boolean): readonly FieldError[] {
  const value = schema.default as JsonValue
  const unpruned =
    requiresPruned && !isPruned(value, schema)
      ? [invalid(at, withSortedKeys(value), 'must not have unknown fields')]
      : []
  const embedded = validateEmbeddedObjects(value, schema, at)
  if (embedded.length > 0) return [...unpruned, ...embedded]
  const faults = validateValue(value, schema, { at: at.toString() })
  if (faults.length > 0) return [...unpruned, ...faults]
  const rules = RuleSet.of(schema, { isResourceRoot: schema['x-kubernetes-embedded-resource'] === true })
  if (!rules) return unpruned
  const unchanged = rules.validate(value, value, { at })
  const fresh = unchanged.errors.length > 0 ? [] : rules.validate(value, undefined, { at }).errors
  return [...unpruned, ...unchanged.errors, ...fresh]
}

function isPruned(value: JsonValue, schema: JSONSchemaProps): boolean {
  const { default: _default, ...rest } = schema
  const holder = compileResourceSchema({ type: 'object', properties: { value: rest } })
  const { value: pruned } = decode({ value }, holder) as { readonly value?: unknown }
  return jsonEqual(pruned, value)
}

export function hasUnprunedDefaults(schema: JSONSchemaProps): boolean {
  return someSchema(schema, (inner) => hasDefault(inner) && !isPruned(inner.default as JsonValue, inner))
}
