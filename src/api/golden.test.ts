import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ObjectSchema } from '../machinery/schema.ts'
import { decode } from './decode.ts'
import { decodeMessage } from './protobuf/decode.ts'
import { encodeMessage } from './protobuf/encode.ts'
import { encodeProtobuf, openProtobuf } from './protobuf/envelope.ts'
import { hasProtobuf } from './protobuf/message-plan.ts'
import { schemaOf } from './scheme.ts'
import { parseYaml } from './yaml-text.ts'

/*
 * Upstream's golden files: one object of every kind as JSON, YAML and protobuf, each field with a value of its own. They
 * are in Debian's golang-k8s-api-dev, which scripts/generate-api downloads.
 */

const repository = join(import.meta.dirname, '../..')
const source = process.env.K8TS_API_SOURCE ?? join(repository, '.cache/kubernetes-api/root')
const folder = join(source, 'usr/share/gocode/src/k8s.io/api/testdata/HEAD')
const skip = existsSync(folder)
  ? false
  : `no golden files in ${folder}: run scripts/generate-api, or set K8TS_API_SOURCE`

interface Golden {
  readonly name: string
  readonly text: string
  readonly value: object
  readonly schema: ObjectSchema
}

function goldens(): Golden[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json') && !file.includes('after_roundtrip'))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), 'utf8')
      const value = JSON.parse(text) as { apiVersion?: string; kind?: string }
      const [version = '', group = ''] = (value.apiVersion ?? '').split('/').toReversed()
      const schema = schemaOf({ group, version, kind: value.kind ?? '' })
      return schema ? [{ name: file.slice(0, -'.json'.length), text, value, schema }] : []
    })
}

test('decode gives back every golden object, from JSON and from YAML', { skip }, () => {
  const all = goldens()
  assert.ok(all.length >= 85, `only ${all.length} golden files of kinds that are served`)
  for (const { name, text, value, schema } of all) {
    const unknown: string[] = []
    const object = decode(value, schema, { onUnknownField: (path) => unknown.push(path) })
    assert.deepEqual(unknown, [], name)
    assert.equal(JSON.stringify(object, null, 2), text.trimEnd(), name)
    const yaml = readFileSync(join(folder, `${name}.yaml`), 'utf8')
    assert.deepEqual(decode(parseYaml(yaml), schema), object, name)
  }
})

test('protobuf gives back every golden object and its very bytes', { skip }, () => {
  for (const { name, value, schema } of goldens().filter((golden) => hasProtobuf(golden.schema))) {
    const bytes = readFileSync(join(folder, `${name}.pb`))
    const { message, ...type } = openProtobuf(bytes)
    const object = { kind: type.kind, apiVersion: type.apiVersion, ...decodeMessage(message, schema) }
    assert.equal(JSON.stringify(object), JSON.stringify(value), name)
    assert.ok(encodeMessage(value, schema).equals(message), name)
    assert.ok(encodeProtobuf(value, schema).equals(bytes), name)
  }
})
