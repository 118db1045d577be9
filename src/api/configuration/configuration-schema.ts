import type {
  AnySchema,
  Field,
  ListSchema,
  MapSchema,
  ObjectSchema,
  ScalarSchema,
  Schema,
} from '../../machinery/schema.ts'

/*
 * Shapes of the files that components are configured by (`kind: KubeSchedulerConfiguration`): they are API types, but no
 * resources, so that the generated table does not have them.
 */

export const text: ScalarSchema = { type: 'string' }
/** Any JSON: what another reader reads. */
export const anything: AnySchema = { type: 'any' }
export const flag: ScalarSchema = { type: 'boolean' }
export const integer: ScalarSchema = { type: 'integer', format: 'int32' }
export const longInteger: ScalarSchema = { type: 'integer', format: 'int64' }
export const fraction: ScalarSchema = { type: 'number', format: 'double' }
export const duration: ScalarSchema = { type: 'duration' }

export function struct(fields: Readonly<Record<string, Schema | Field>>): ObjectSchema {
  const entries = Object.entries(fields).map(([name, field]): [string, Field] => [
    name,
    'schema' in field && !('type' in field) ? field : { schema: field },
  ])
  return { type: 'object', fields: Object.fromEntries(entries) }
}

/** The top level of a file. */
export function file(fields: Readonly<Record<string, Schema | Field>>): ObjectSchema {
  return struct({ apiVersion: text, kind: text, ...fields })
}

export function listOf(items: Schema): ListSchema {
  return { type: 'list', items, listType: 'atomic' }
}

export function mapOf(values: Schema): MapSchema {
  return { type: 'map', values }
}

/** Zero is something else than nothing. */
export function optional(schema: Schema): Field {
  return { schema, pointer: true }
}
