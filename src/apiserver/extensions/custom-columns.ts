import { nameColumn, timeSince } from '../../api/columns.ts'
import type { Column } from '../../api/definition.ts'
import type { CustomResourceColumnDefinition } from '../../api/generated/apiextensions.v1.ts'
import {
  findJsonPath,
  JsonPathError,
  parseJsonPath,
  printJsonPathResults,
  type JsonPath,
} from '../../machinery/json-path.ts'
import type { JsonValue } from '../../machinery/meta.ts'

/** What a definition without columns gets. */
const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'When the object was created, by the clock of the server.',
  jsonPath: '.metadata.creationTimestamp',
}

/** additionalPrinterColumns behind the name. Source: apiextensions-apiserver/pkg/registry/customresource/tableconvertor. */
export function customColumns(columns: readonly CustomResourceColumnDefinition[] = []): readonly Column[] {
  const own = columns.length > 0 ? columns : [ageColumn]
  try {
    return [nameColumn, ...own.map(customColumn)]
  } catch (error) {
    // As upstream: with one path that cannot be read, none is shown.
    if (error instanceof JsonPathError) return [nameColumn]
    throw error
  }
}

function customColumn(column: CustomResourceColumnDefinition): Column {
  const { name, type, format, priority, jsonPath } = column
  const path = parseJsonPath(`{${jsonPath}}`)
  return {
    name,
    type: type as Column['type'],
    ...(format !== undefined && { format }),
    description: column.description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority !== undefined && { priority }),
    cell: (object, now) => cellOf(type, valueAt(path, object as unknown as JsonValue), now),
  }
}

/** The first value that the path leads to; undefined when there is none. */
function valueAt(path: JsonPath, object: JsonValue): JsonValue | undefined {
  try {
    return findJsonPath(path, object, { allowMissingKeys: true })[0]?.[0]
  } catch (error) {
    if (error instanceof JsonPathError) return undefined
    throw error
  }
}

function cellOf(
  type: string,
  value: JsonValue | undefined,
  now: number,
): string | number | bigint | boolean | null {
  if (value === undefined) return null
  switch (type) {
    case 'string':
      return printJsonPathResults([value])
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : typeof value === 'bigint' ? value : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      if (typeof value !== 'string') return null
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : timeSince(value, now)
    default:
      return null
  }
}
