import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  CustomResourceDefinition,
  JSONSchemaProps,
} from '../../../src/api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../../src/api/generated/resources.ts'
import type { Api, Json } from '../harness/api.ts'
import { abolish, aDefinition, establish, withSchema } from '../harness/definitions.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

const schema: JSONSchemaProps = {
  type: 'object',
  description: 'Foo CRD for Testing',
  properties: {
    spec: {
      type: 'object',
      description: 'Specification of Foo',
      properties: {
        bars: {
          type: 'array',
          description: 'List of Bars and their specs.',
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', description: 'Name of Bar.' },
              feeling: { type: 'string', enum: ['Great', 'Down'] },
              bazs: { type: 'array', items: { type: 'string' } },
            },
          },
        },
      },
    },
    status: { type: 'object', properties: { ready: { type: 'boolean' } } },
  },
}
const loose: JSONSchemaProps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** The definition of a kind in the OpenAPI v2 document, without what every kind has. */
async function published(api: Api, { spec }: CustomResourceDefinition, version: string): Promise<Json> {
  const name = [...spec.group.split('.').toReversed(), version, spec.names.kind].join('.')
  const found = (await api('GET', '/openapi/v2')).json.definitions[name]
  if (!found) return undefined
  const { 'x-kubernetes-group-version-kind': kinds, properties, ...rest } = found
  assert.deepEqual(kinds, [{ group: spec.group, version, kind: spec.names.kind }])
  if (!properties) return rest
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...own } = properties
  return Object.keys(own).length > 0 ? { ...rest, properties: own } : rest
}

describe('OpenAPI of custom resources', { concurrency: true }, () => {
  const cluster = sharedCluster()

  const rows: readonly (readonly [string, JSONSchemaProps, JSONSchemaProps])[] = [
    ['has the schema', schema, schema],
    ['has no properties where unknown fields are kept at the root', loose, { type: 'object' }],
    [
      'has no type where unknown fields are kept within',
      { type: 'object', description: 'nested', properties: { spec: loose, a: { type: 'string' } } },
      {
        type: 'object',
        description: 'nested',
        properties: { spec: { 'x-kubernetes-preserve-unknown-fields': true }, a: { type: 'string' } },
      },
    ],
  ]
  for (const [title, given, expected] of rows) {
    it(title, async () => {
      const { client, api } = await cluster.scope()
      const definition = await establish(client, aDefinition({ v1: withSchema(given) }))
      assert.deepEqual(await published(api, definition, 'v1'), expected)
      await abolish(client, definition)
      assert.equal(await published(api, definition, 'v1'), undefined)
    })
  }

  it('has kinds of several groups, versions and of one group', async () => {
    const { client, api } = await cluster.scope()
    const versions = { v1: withSchema(schema), v2: withSchema(schema) }
    const one = await establish(client, aDefinition(versions))
    const { group } = one.spec
    const sibling = await establish(client, aDefinition({ v1: withSchema(loose) }, { group, kind: 'Waldo' }))
    const other = await establish(client, aDefinition({ v1beta1: withSchema(schema) }))
    assert.deepEqual(await published(api, one, 'v1'), schema)
    assert.deepEqual(await published(api, one, 'v2'), schema)
    assert.deepEqual(await published(api, sibling, 'v1'), { type: 'object' })
    assert.deepEqual(await published(api, other, 'v1beta1'), schema)
    await Promise.all([one, sibling, other].map((definition) => abolish(client, definition)))
  })

  it('follows versions that get another name or are no longer served', async () => {
    const { client, api } = await cluster.scope()
    const definition = await establish(
      client,
      aDefinition({ v2: withSchema(schema), v3: withSchema(schema) }),
    )
    const name = { name: definition.metadata!.name! }
    const [second, third] = definition.spec.versions
    const write = (versions: readonly object[]) =>
      client.patch(customResourceDefinitions, name, { type: 'merge', body: { spec: { versions } } })
    await write([second!, { ...third!, name: 'v4' }])
    assert.equal(await published(api, definition, 'v3'), undefined)
    assert.deepEqual(await published(api, definition, 'v4'), schema)
    await write([second!, { ...third!, name: 'v4', served: false }])
    assert.equal(await published(api, definition, 'v4'), undefined)
    assert.deepEqual(await published(api, definition, 'v2'), schema)
    await abolish(client, definition)
  })
})
