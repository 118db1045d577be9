import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { aDefinition, define } from '../testing/custom-definitions.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

/*
 * Whatever the server answers in JSON has the bytes of Go's encoding/json, by whichever way it was made: of stored bytes,
 * of objects in another version, of views.
 */

const text = '<a href="?x&y"> \u2028\u2029 ☃ \\ud800'
const written = String.raw`"\u003ca href=\"?x\u0026y\"\u003e \u2028\u2029 ☃ \\ud800"`
const raw = /[<>&\u2028\u2029]/

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const partialList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
const configMaps = '/api/v1/namespaces/default/configmaps'
const widgets = '/apis/example.com/v1/namespaces/default/widgets'
const widgetsV2 = '/apis/example.com/v2/namespaces/default/widgets'
const watch = '?watch=1&timeoutSeconds=1&resourceVersion=0'

let server: TestServer
let client: HttpsClient

before(async () => {
  server = await startTestServer()
  client = new HttpsClient(server)
  const version = {
    properties: { text: { type: 'string', description: text } },
    additionalPrinterColumns: [{ name: 'Text', type: 'string', jsonPath: '.text' }],
  }
  await define(client, aDefinition({ v1: version, v2: version }))
  const metadata = { name: 'one', annotations: { text } }
  for (const [path, body] of [
    [configMaps, { metadata, data: { text } }],
    [widgets, { apiVersion: 'example.com/v1', kind: 'Widget', metadata, text }],
  ] as const) {
    const created = await client.send(path, { method: 'POST', body })
    assert.equal(created.status, 201, created.text)
    assert.ok(created.text.includes(`"text":${written}`), created.text)
    assert.doesNotMatch(created.text, raw)
  }
})
after(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

/** Path, media type, and how often the text stands in the answer. */
const answers: readonly (readonly [path: string, accept: string, count: number])[] = [
  [`${configMaps}/one`, 'application/json', 2],
  [configMaps, 'application/json', 2],
  [`${configMaps}/one`, partial, 1],
  [configMaps, partialList, 1],
  [`${configMaps}?includeObject=Object`, table, 2],
  [`${configMaps}${watch}`, 'application/json', 2],
  [`${configMaps}${watch}`, table, 1],
  [`${widgets}/one`, 'application/json', 2],
  [widgets, 'application/json', 2],
  [widgets, table, 2],
  [`${widgets}${watch}`, 'application/json', 2],
  [`${widgets}${watch}`, table, 2],
  [`${widgetsV2}/one`, 'application/json', 2],
  [widgetsV2, 'application/json', 2],
  [`${widgetsV2}${watch}`, 'application/json', 2],
  [`${widgetsV2}?includeObject=Object`, table, 3],
]

describe('answers in JSON', { concurrency: true }, () => {
  for (const [path, accept, count] of answers) {
    it(`escapes as Go: ${path} as ${accept}`, async () => {
      const answer = await client.send(path, { headers: { accept } })
      assert.equal(answer.status, 200, answer.text)
      assert.equal(answer.text.split(written).length - 1, count, answer.text)
      assert.doesNotMatch(answer.text, raw)
      assert.ok(answer.text.endsWith('}\n'))
    })
  }

  it('ends without a line break when it is indented', async () => {
    for (const path of [`${configMaps}/one`, configMaps, `${widgets}/one`, `${widgetsV2}/one`]) {
      const { text: indented } = await client.send(`${path}?pretty=true`)
      assert.match(indented, /^\{\n {2}"/)
      assert.ok(indented.includes(`"text": ${written}`) && indented.endsWith('\n}'), indented)
    }
  })

  it('escapes in a Status', async () => {
    const refused = await client.send(`${configMaps}/%3Cnone%3E`)
    assert.equal(refused.status, 404)
    assert.ok(refused.text.includes(String.raw`"message":"configmaps \"\u003cnone\u003e\" not found"`))
    assert.doesNotMatch(refused.text, raw)
  })

  it('escapes in OpenAPI v3, and nothing in v2', async () => {
    const v3 = await client.send('/openapi/v3/apis/example.com/v1')
    assert.ok(v3.text.includes(`"description":${written}`))
    assert.doesNotMatch(v3.text, raw)
    const v2 = await client.send('/openapi/v2', { headers: { accept: 'application/json' } })
    assert.ok(v2.text.includes(`"description":${JSON.stringify(text)}`))
  })

  it('has half of a surrogate pair as U+FFFD, whoever sends it', async () => {
    const body = String.raw`{"metadata":{"name":"half"},"data":{"text":"\ud800 \ud83d\ude00 \\udc00"}}`
    await client.send(configMaps, { method: 'POST', body: Buffer.from(body) })
    const patch = { method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' } }
    const more = String.raw`{"data":{"more":"\udfff"}}`
    await client.send(`${configMaps}/half`, { ...patch, body: Buffer.from(more) })
    const { text: half } = await client.send(`${configMaps}/half`)
    assert.ok(
      half.includes(String.raw`"data":{"text":"` + '\ufffd 😀 ' + String.raw`\\udc00","more":"` + '\ufffd"}'),
    )
  })
})
