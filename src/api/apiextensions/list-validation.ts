import { duplicate, invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { path as rootPath } from '../../machinery/field-error.ts'
import { goJsonSorted, withSortedKeys } from '../../machinery/go-json.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { isObject, itemSchema, valueSchema } from './schema-walk.ts'

/**
 * That no item stands twice in lists of type `set`, and no keys twice in lists of type `map`, at any depth.
 * Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype.
 */
export function validateLists(value: unknown, schema: JSONSchemaProps): readonly FieldError[] {
  return validateAt(undefined, value, schema)
}

function validateAt(at: FieldPath | undefined, value: unknown, schema: JSONSchemaProps): FieldError[] {
  if (Array.isArray(value)) return validateList(at, value, schema)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, item]) => {
    const inner = valueSchema(schema, name)
    return inner ? validateAt(below(at, name, inner !== schema.properties?.[name]), item, inner) : []
  })
}

/** The path of a field, or of an entry. */
export function below(at: FieldPath | undefined, name: string, isEntry: boolean): FieldPath {
  if (isEntry) return at ? at.key(name) : rootPath('').key(name)
  return at ? at.child(name) : rootPath(name)
}

function validateList(
  at: FieldPath | undefined,
  list: readonly unknown[],
  schema: JSONSchemaProps,
): FieldError[] {
  const index = (position: number) => (at ?? rootPath('')).index(position)
  const items = itemSchema(schema)
  const inner = items ? list.flatMap((item, position) => validateAt(index(position), item, items)) : []
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return [
        ...repeated(list).map((position) => duplicate(index(position), withSortedKeys(list[position]))),
        ...inner,
      ]
    case 'map': {
      const wrong = list.findIndex((item) => item !== null && !isObject(item))
      if (wrong >= 0) {
        return [
          invalid(
            index(wrong),
            withSortedKeys(list[wrong]),
            'must be an object for an array of list-type map',
          ),
          ...inner,
        ]
      }
      const keys = list.map((item) => keysOfItem(item, schema))
      return [
        ...repeated(keys).map((position) => duplicate(index(position), withSortedKeys(keys[position]))),
        ...inner,
      ]
    }
    default:
      return inner
  }
}

function keysOfItem(item: unknown, schema: JSONSchemaProps): Readonly<Record<string, unknown>> {
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (!isObject(item)) return {}
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]))
}

/** Where a value stands the second time; later repetitions are not told. */
function repeated(values: readonly unknown[]): readonly number[] {
  const times = new Map<string, number>()
  return values.flatMap((value, index) => {
    const text = goJsonSorted(value)
    const seen = times.get(text) ?? 0
    times.set(text, seen + 1)
    return seen === 1 ? [index] : []
  })
}
