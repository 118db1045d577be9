import { type FieldPath, path as rootPath } from '../../machinery/field-error.ts'
import { letterEscapes } from '../../machinery/go-format.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import { entrySchema, propertySchema } from './schema-walk.ts'

/** A path that does not lead to a field of the schema. */
export class SchemaPathError extends Error {}

/**
 * Where a path of the forms `.spec.replicas` and `.spec['a.b']` leads in a schema. Throws a SchemaPathError.
 * Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel, ValidFieldPath.
 */
export function fieldOfSchema(
  text: string,
  schema: JSONSchemaProps,
  { brackets = true }: { readonly brackets?: boolean } = {},
): { readonly path: FieldPath | undefined; readonly schema: JSONSchemaProps; readonly first: string } {
  const tokens = tokensOf(text)
  let current = schema
  let at: FieldPath | undefined
  let first = ''
  const next = (): string => {
    const token = tokens.shift()
    if (token === undefined) throw new SchemaPathError('unexpected end of JSON path')
    return token
  }
  const enter = (name: string) => {
    first ||= name
    const hasProperties = current.properties !== undefined && Object.keys(current.properties).length > 0
    if (!hasProperties && current.additionalProperties === undefined) {
      throw new SchemaPathError('does not refer to a valid field')
    }
    const found = hasProperties ? propertySchema(current, name) : entrySchema(current)
    if (!found) throw new SchemaPathError('does not refer to a valid field')
    if (hasProperties) at = at ? at.child(name) : rootPath(name)
    else at = at ? at.key(name) : rootPath('').key(name)
    current = found
  }
  while (tokens.length > 0) {
    const token = next()
    if (token === '.') {
      enter(next())
    } else if (token === '[') {
      if (!brackets) throw new SchemaPathError('array notation is not allowed')
      enter(unquoted(next()))
      const end = next()
      if (end !== ']') throw new SchemaPathError(`expected ] but got ${end}`)
    } else {
      throw new SchemaPathError(`expected [ or . but got: ${token}`)
    }
  }
  return { path: at, schema: current, first }
}

function tokensOf(text: string): string[] {
  return text.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]']+|'/g) ?? []
}

const escapes: Readonly<Record<string, string>> = { ...letterEscapes, "'": "'", '\\': '\\' }

function unquoted(token: string): string {
  if (token.length < 2 || !token.startsWith("'") || !token.endsWith("'")) {
    throw new SchemaPathError(`expected single quoted string but got ${token}`)
  }
  return token.slice(1, -1).replaceAll(/\\(.)/g, (match, letter: string) => {
    const character = escapes[letter]
    if (character === undefined)
      throw new SchemaPathError(`invalid string literal: invalid escape char ${match}`)
    return character
  })
}
