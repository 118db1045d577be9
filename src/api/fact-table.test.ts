import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import type { Field, ListSchema, ObjectSchema } from '../machinery/schema.ts'
import { formatFactStruct, parseFactStruct } from './fact-table.ts'
import { facts } from './generated/facts.ts'
import { schemaOfType } from './scheme.ts'

test('every paragraph of the table is read and written without loss', () => {
  const structs = facts.split('\n\n').filter((paragraph) => !/^\S+ = /.test(paragraph))
  assert.ok(structs.length > 600)
  for (const paragraph of structs) assert.equal(formatFactStruct(parseFactStruct(paragraph)), paragraph)
})

/*
 * client-go holds upstream's own schema for server-side apply, made by another way than our table: list types, keys,
 * atomic structs and defaults must agree. It is in Debian's golang-k8s-client-go-dev, which scripts/generate-api
 * downloads.
 */

const repository = join(import.meta.dirname, '../..')
const source = process.env.K8TS_API_SOURCE ?? join(repository, '.cache/kubernetes-api/root')
const file = join(source, 'usr/share/gocode/src/k8s.io/client-go/applyconfigurations/internal/internal.go')
const skip = existsSync(file) ? false : `no ${file}: run scripts/generate-api, or set K8TS_API_SOURCE`

interface MergeType {
  readonly name: string
  readonly map?: { readonly fields?: readonly MergeField[]; readonly elementRelationship?: string }
}

interface MergeField {
  readonly name: string
  readonly type: {
    readonly list?: { readonly elementRelationship: string; readonly keys?: readonly string[] }
    readonly map?: { readonly elementRelationship?: string }
    readonly elementRelationship?: string
  }
  readonly default?: unknown
}

test("schemas agree with client-go's schema for apply", { skip }, () => {
  const text = /YAMLObject\(`([\s\S]*?)`\)/.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
  const { types } = load(text) as { readonly types: readonly MergeType[] }
  let compared = 0
  for (const type of types) {
    const schema = schemaOfType(type.name)
    if (!schema) continue
    assert.equal(type.map?.elementRelationship === 'atomic', schema.structType === 'atomic', type.name)
    const names = (type.map?.fields ?? []).map(({ name }) => name)
    assert.deepEqual(names.toSorted(), Object.keys(schema.fields).toSorted(), type.name)
    for (const merge of type.map?.fields ?? []) {
      compareField(`${type.name}.${merge.name}`, merge, schema.fields[merge.name]!)
      compared++
    }
  }
  assert.ok(compared > 1800, `only ${compared} fields compared`)
})

function compareField(name: string, merge: MergeField, field: Field): void {
  const { list, map, elementRelationship } = merge.type
  const { schema } = field
  if (schema.type === 'list')
    assert.deepEqual(relationshipOf(schema), [list?.elementRelationship, list?.keys ?? []], name)
  if (schema.type === 'map') {
    assert.equal(map?.elementRelationship === 'atomic', schema.mapType === 'atomic', name)
  }
  if (elementRelationship) {
    assert.equal(elementRelationship === 'atomic', (schema as ObjectSchema).structType === 'atomic', name)
  }
  // Zero defaults there only say that Go always serialises the field.
  const isZero = [undefined, '', 0, false].includes(merge.default as string) || isEmptyObject(merge.default)
  if (!isZero) assert.deepEqual(field.default, merge.default, name)
}

function relationshipOf({ listType, mapKeys = [] }: ListSchema): [string, readonly string[]] {
  return [listType === 'atomic' ? 'atomic' : 'associative', mapKeys]
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
