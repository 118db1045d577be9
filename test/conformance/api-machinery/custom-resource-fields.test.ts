import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '../../../src/api/generated/apiextensions.v1.ts'
import { abolish, aDefinition, establish, withSchema } from '../harness/definitions.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

const ports: JSONSchemaProps = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  items: {
    type: 'object',
    required: ['containerPort', 'protocol'],
    properties: {
      containerPort: { type: 'integer', format: 'int32' },
      protocol: { type: 'string' },
      name: { type: 'string' },
    },
  },
}
const spec: JSONSchemaProps = {
  type: 'object',
  properties: {
    foo: { type: 'string' },
    cronSpec: { type: 'string', pattern: String.raw`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$` },
    ports,
  },
}
const template: JSONSchemaProps = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties: {
    metadata: { type: 'object', properties: { name: { type: 'string' } } },
    spec: { type: 'object' },
  },
}

interface Row {
  readonly title: string
  readonly spec?: JSONSchemaProps
  readonly metadata?: string
  readonly root?: string
  readonly fields?: string
  readonly status: number
  readonly message?: RegExp
}

const preserving: JSONSchemaProps = { ...spec, 'x-kubernetes-preserve-unknown-fields': true }

const rows: readonly Row[] = [
  { title: 'takes a valid object', spec, status: 201 },
  { title: 'takes anything without a schema', fields: '  unknown: uk1\n', status: 201 },
  {
    title: 'refuses fields that the schema does not have',
    spec,
    root: 'unknownField: unknown\n',
    status: 500,
    message: /\.unknownField: field not declared in schema/,
  },
  {
    title: 'refuses fields that are given twice, also where unknown ones are kept',
    spec: preserving,
    fields: '  unknown: uk1\n  foo: foo2\n',
    status: 400,
    message: /key "foo" already set in map/,
  },
  {
    title: 'refuses unknown metadata, of the whole and of what is within',
    spec: { ...preserving, properties: { ...preserving.properties, template } },
    metadata: '  unknownMeta: unknown\n',
    fields:
      '  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n      unknownSubMeta: unknown\n      name: sub\n',
    status: 500,
    message: /\.metadata\.unknownMeta: field not declared in schema/,
  },
]

describe('field validation of custom resources', { concurrency: true }, () => {
  const cluster = sharedCluster()
  for (const { title, spec: schema, metadata = '', root = '', fields = '', status, message } of rows) {
    it(title, async () => {
      const { client, api } = await cluster.scope()
      const version = schema ? withSchema({ type: 'object', properties: { spec: schema } }) : {}
      const definition = await establish(client, aDefinition({ v1: version }, { scope: 'Cluster' }))
      const { group, names } = definition.spec
      const body =
        `apiVersion: ${group}/v1\nkind: ${names.kind}\nmetadata:\n  name: mytest\n${metadata}${root}spec:\n  foo: foo1\n${fields}` +
        '  cronSpec: "* * * * */5"\n  ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP\n'
      const answer = await api('PATCH', `/apis/${group}/v1/${names.plural}/mytest`, {
        query: { fieldManager: 'field_validation_mgr', fieldValidation: 'Strict' },
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body,
      })
      assert.equal(answer.status, status, answer.text)
      if (message) assert.match(answer.json.message, message)
      await abolish(client, definition)
    })
  }
})
