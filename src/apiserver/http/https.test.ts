import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { decodeMessage } from '../../api/protobuf/decode.ts'
import { encodeProtobuf, openProtobuf } from '../../api/protobuf/envelope.ts'
import { WatchFrameReader } from '../../api/protobuf/watch-frame.ts'
import { schemaOf } from '../../api/scheme.ts'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testToken, type TestServer } from '../testing/test-server.ts'

const configMapsPath = '/api/v1/namespaces/default/configmaps'
const configMapSchema = schemaOf({ group: '', version: 'v1', kind: 'ConfigMap' })!

/** Nobody may do anything with secrets. */
const noSecrets: Authorizer = {
  name: 'noSecrets',
  authorize: ({ resource }) =>
    resource === 'secrets' ? { type: 'deny', reason: 'secret' } : { type: 'allow', reason: '' },
}

let testServer: TestServer
let client: HttpsClient

before(async () => {
  const store = new MemoryStore({ clock: systemClock, log: silentLogger })
  // Something happened before the server came: there are resource versions that are too old.
  const { revision } = await store.create('/registry/core/configmaps/default/old', Buffer.from('{}'))
  await store.delete('/registry/core/configmaps/default/old', revision)
  testServer = await startTestServer({ authorizer: noSecrets, store })
  client = new HttpsClient(testServer)
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

async function createConfigMap(name: string, data: Record<string, string> = {}) {
  const response = await client.send(configMapsPath, { method: 'POST', body: { metadata: { name }, data } })
  assert.equal(response.status, 201, response.text)
  return response.json as unknown as { metadata: { resourceVersion: string; uid: string } }
}

test('both versions of HTTP serve the same', async () => {
  await createConfigMap('both', { a: 'b' })
  for (const response of [
    await client.send(`${configMapsPath}/both`),
    await client.send1(`${configMapsPath}/both`),
  ]) {
    assert.equal(response.status, 200)
    assert.equal(response.headers['content-type'], 'application/json')
    assert.equal(response.headers['cache-control'], 'no-cache, private')
    assert.match(String(response.headers['audit-id']), /^[0-9a-f-]{36}$/)
    assert.equal(response.json['kind'], 'ConfigMap')
    assert.equal(response.json['apiVersion'], 'v1')
  }
  const head = await client.send1(`${configMapsPath}/both`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text], [200, ''])
})

test('objects are read and sent as JSON, YAML and protobuf', async () => {
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: as-yaml}\ndata: {"yes": "no"}\n'
  const created = await client.send(configMapsPath, {
    method: 'POST',
    headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
    body: yaml,
  })
  assert.equal(created.status, 201)
  assert.match(created.text, /^apiVersion: v1\ndata:\n {2}'yes': 'no'\nkind: ConfigMap\n/)

  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'as-protobuf' }, data: { a: 'b' } }
  const type = 'application/vnd.kubernetes.protobuf'
  const answer = await client.send(configMapsPath, {
    method: 'POST',
    headers: { 'content-type': type, accept: type },
    body: encodeProtobuf(object, configMapSchema),
  })
  assert.equal(answer.headers['content-type'], type)
  const { kind, message } = openProtobuf(answer.body)
  assert.equal(kind, 'ConfigMap')
  assert.deepEqual(decodeMessage(message, configMapSchema)['data'], { a: 'b' })
  const list = await client.send(configMapsPath, { headers: { accept: type } })
  assert.equal(openProtobuf(list.body).kind, 'ConfigMapList')
})

test('people get indented JSON', async () => {
  await createConfigMap('pretty')
  const path = `${configMapsPath}/pretty`
  const curl = await client.send(path, { headers: { 'user-agent': 'curl/8' } })
  assert.match(curl.text, /^\{\n {2}"kind": "ConfigMap",\n/)
  const plain = await client.send(`${path}?pretty=false`, { headers: { 'user-agent': 'curl/8' } })
  assert.match(plain.text, /^\{"kind":"ConfigMap"/)
})

/** Path, request, status, and what the message matches. */
const refusals: readonly (readonly [string, string, object, number, RegExp])[] = [
  ['an unknown object', `${configMapsPath}/none`, {}, 404, /^configmaps "none" not found$/],
  ['an unknown resource', '/api/v1/nothings', {}, 404, /^the server could not find the requested resource$/],
  ['an unknown subresource', `${configMapsPath}/a/b`, {}, 404, /^the server could not find/],
  ['a method that is none', configMapsPath, { method: 'PUT', body: {} }, 405, /^the server does not allow/],
  ['a verb that is not served', '/api/v1/bindings', {}, 405, /^the server does not allow this method/],
  [
    'a form that is none',
    `${configMapsPath}/a`,
    { headers: { accept: 'text/html' } },
    406,
    /^only the following media types are accepted: application\/json, application\/yaml, application\/vnd.kubernetes.protobuf$/,
  ],
  [
    'a body that is none',
    configMapsPath,
    { method: 'POST', headers: { 'content-type': 'text/html' }, body: 'x' },
    415,
    /^the body of the request was in an unknown format/,
  ],
  [
    'broken JSON',
    configMapsPath,
    { method: 'POST', body: '{' },
    400,
    /^the object provided is unrecognized \(must be of type ConfigMap\): .* \({\)$/,
  ],
  [
    'another kind',
    configMapsPath,
    { method: 'POST', body: { apiVersion: 'v1', kind: 'Pod' } },
    400,
    /^Pod in version "v1" cannot be handled as a ConfigMap: converting \(v1.Pod\) to \(core.ConfigMap\): unknown conversion$/,
  ],
  [
    'another version',
    configMapsPath,
    { method: 'POST', body: { apiVersion: 'v2', kind: 'ConfigMap' } },
    400,
    /no kind "ConfigMap" is registered for version "v2"/,
  ],
  [
    'another namespace',
    configMapsPath,
    { method: 'POST', body: { metadata: { name: 'x', namespace: 'y' } } },
    400,
    /^the namespace of the provided object does not match the namespace sent on the request$/,
  ],
  [
    'too much',
    configMapsPath,
    { method: 'POST', body: Buffer.alloc(4 << 20, ' ') },
    413,
    /^Request entity too large: limit is 3145728$/,
  ],
  [
    'an unknown field, strictly',
    `${configMapsPath}?fieldValidation=Strict`,
    { method: 'POST', body: { metadata: { name: 'x' }, what: 1 } },
    400,
    /strict decoding error: unknown field "what"$/,
  ],
  ['a wrong limit', `${configMapsPath}?limit=x`, {}, 400, /^strconv.ParseInt: parsing "x": invalid syntax$/],
  ['a wrong selector', `${configMapsPath}?labelSelector=a%3D%3D%3Db`, {}, 400, /./],
  [
    'a wrong continue token',
    `${configMapsPath}?continue=x`,
    {},
    400,
    /^invalid continue token: continue key is not valid/,
  ],
  [
    'options that contradict',
    `${configMapsPath}?resourceVersionMatch=Exact`,
    {},
    422,
    /^ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden/,
  ],
  [
    'what is forbidden',
    '/api/v1/namespaces/default/secrets',
    {},
    403,
    /^secrets is forbidden: User "tester" cannot list resource "secrets" in API group "" in the namespace "default": secret$/,
  ],
  [
    'wrong credentials',
    configMapsPath,
    { headers: { authorization: 'Bearer wrong' } },
    401,
    /^Unauthorized$/,
  ],
  [
    'a negative timeout',
    `${configMapsPath}?timeout=-1s`,
    {},
    400,
    /^invalid timeout specified in the request URL/,
  ],
]

for (const [name, path, request, status, message] of refusals) {
  test(`refuses ${name}`, async () => {
    const response = await client.send(path, request)
    assert.equal(response.status, status, response.text)
    assert.equal(response.json['kind'], 'Status')
    assert.equal(response.json['code'], status)
    assert.match(String(response.json['message']), message)
  })
}

test('a path under which nothing is served is 404 in plain text', async () => {
  const response = await client.send('/nothing')
  assert.deepEqual([response.status, response.text], [404, '404 page not found\n'])
})

test('warnings come as headers, each once', async () => {
  const response = await client.send(configMapsPath, {
    method: 'POST',
    body: { metadata: { name: 'warned' }, one: 1, two: { three: 3 } },
  })
  assert.equal(response.status, 201)
  assert.deepEqual(
    response.headers['warning'],
    '299 - "unknown field \\"one\\"", 299 - "unknown field \\"two\\""',
  )
})

test('lists are typed, their items not; large ones are compressed for those who can read it', async () => {
  const namespace = (
    await client.send('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: 'big' } } })
  ).json
  assert.equal((namespace['metadata'] as { name: string }).name, 'big')
  const path = '/api/v1/namespaces/big/configmaps'
  for (let index = 0; index < 40; index++) {
    const body = { metadata: { name: `c${index}` }, data: { x: `${index}`.repeat(5_000) } }
    await client.send(path, { method: 'POST', body })
  }
  const plain = await client.send(path)
  const list = plain.json as unknown as { kind: string; items: Record<string, unknown>[] }
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.equal(Number(plain.headers['content-length']), plain.body.length)
  assert.equal(list.kind, 'ConfigMapList')
  assert.equal(list.items.length, 40)
  assert.deepEqual(Object.keys(list.items[0]!), ['metadata', 'data'])
  for (const send of [client.send.bind(client), client.send1.bind(client)]) {
    const packed = await send(path, { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(packed.headers['content-encoding'], 'gzip')
    assert.deepEqual(JSON.parse(gunzipSync(packed.body).toString()), plain.json)
  }
  const page = await client.send(`${path}?limit=3`)
  const { metadata } = page.json as unknown as { metadata: { continue: string; remainingItemCount: number } }
  assert.equal(metadata.remainingItemCount, 37)
})

test('tables show columns, with as much of the object as is wanted', async () => {
  await createConfigMap('in-table', { a: 'b' })
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const table = (await client.send(`${configMapsPath}/in-table`, { headers: { accept } }))
    .json as unknown as {
    kind: string
    columnDefinitions: { name: string }[]
    rows: { cells: unknown[]; object: { kind: string; data?: unknown } }[]
  }
  assert.equal(table.kind, 'Table')
  assert.deepEqual(
    table.columnDefinitions.map(({ name }) => name),
    ['Name', 'Data', 'Age'],
  )
  assert.deepEqual(table.rows[0]?.cells.slice(0, 2), ['in-table', 1])
  assert.equal(table.rows[0]?.object.kind, 'PartialObjectMetadata')
  const full = await client.send(
    `${configMapsPath}?includeObject=Object&fieldSelector=metadata.name=in-table`,
    { headers: { accept } },
  )
  assert.deepEqual((full.json as unknown as typeof table).rows[0]?.object.data, { a: 'b' })
  const none = await client.send(`${configMapsPath}?includeObject=None`, { headers: { accept } })
  assert.equal((none.json as unknown as typeof table).rows[0]?.object, undefined)
  const wrong = await client.send(`${configMapsPath}?includeObject=Some`, { headers: { accept } })
  assert.equal(wrong.status, 400)
})

test('answers to questions are no tables', async () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  for (const path of ['bindings', 'pods/none/binding', 'pods/none/eviction', 'serviceaccounts/none/token']) {
    const send = (accept: string) =>
      client.send(`/api/v1/namespaces/default/${path}`, { method: 'POST', headers: { accept }, body: {} })
    assert.equal((await send(table)).status, 406, path)
    assert.notEqual((await send(`${table},application/json`)).status, 406, path)
  }
})

test('metadata alone is a view of objects and of lists', async () => {
  await createConfigMap('partial', { a: 'b' })
  const one = await client.send(`${configMapsPath}/partial`, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  })
  assert.deepEqual(Object.keys(one.json), ['kind', 'apiVersion', 'metadata'])
  const accept = 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
  const list = await client.send(configMapsPath, { headers: { accept } })
  assert.equal(openProtobuf(list.body).kind, 'PartialObjectMetadataList')
  const mixed = await client.send(`${configMapsPath}/partial`, { headers: { accept } })
  assert.equal(mixed.status, 406)
})

test('a watch streams events over HTTP/2 and HTTP/1.1 until it is over', async () => {
  const { metadata } = await createConfigMap('watched')
  const path = `${configMapsPath}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dwatched&resourceVersion=${metadata.resourceVersion}`
  const watches = [client.send(path), client.send1(path)]
  await client.send(`${configMapsPath}/watched`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { data: { now: 'changed' } },
  })
  await client.send(`${configMapsPath}/watched`, { method: 'DELETE' })
  for (const { text, headers } of await Promise.all(watches)) {
    assert.equal(headers['content-type'], 'application/json')
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { data: unknown } })
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.data]),
      [
        ['MODIFIED', { now: 'changed' }],
        ['DELETED', { now: 'changed' }],
      ],
    )
  }
})

test('a watch begins with the state when asked for, and says where that ends', async () => {
  await createConfigMap('stated')
  const query =
    'watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const { text } = await client.send(`${configMapsPath}?${query}&fieldSelector=metadata.name%3Dstated`)
  const [added, bookmark] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; object: { metadata: { annotations?: unknown } } })
  assert.equal(added?.type, 'ADDED')
  assert.equal(bookmark?.type, 'BOOKMARK')
  assert.deepEqual(bookmark?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
})

test('a watch that is too old ends with 410 in its stream', async () => {
  const { status, json } = await client.send(`${configMapsPath}?watch=1&resourceVersion=1`)
  assert.equal(status, 200)
  const event = json as unknown as { type: string; object: { code: number; reason: string } }
  assert.deepEqual([event.type, event.object.code, event.object.reason], ['ERROR', 410, 'Expired'])
})

test('a watch speaks protobuf, tables and WebSocket', async () => {
  await createConfigMap('forms')
  const query = '?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dforms'
  const protobuf = await client.send(configMapsPath + query, {
    headers: { accept: 'application/vnd.kubernetes.protobuf;stream=watch' },
  })
  assert.equal(protobuf.headers['content-type'], 'application/vnd.kubernetes.protobuf;stream=watch')
  const [frame] = new WatchFrameReader().push(protobuf.body)
  assert.equal(frame?.type, 'ADDED')
  assert.equal(openProtobuf(frame.object).kind, 'ConfigMap')
  const table = await client.send(configMapsPath + query, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  })
  const event = JSON.parse(table.text.split('\n')[0]!) as {
    object: { kind: string; rows: { cells: unknown[] }[] }
  }
  assert.deepEqual([event.object.kind, event.object.rows[0]?.cells[0]], ['Table', 'forms'])
  const yaml = await client.send(configMapsPath + query, { headers: { accept: 'application/yaml' } })
  assert.equal(yaml.status, 406)
  const socket = new WebSocket(`${testServer.url.replace('https', 'wss')}${configMapsPath}${query}`, {
    ca: testServer.certificateAuthority,
    headers: { authorization: `Bearer ${testToken}` },
  })
  const messages: string[] = []
  socket.on('message', (data: Buffer) => messages.push(data.toString()))
  await once(socket, 'close')
  assert.deepEqual(
    messages.map((message) => (JSON.parse(message) as { type: string }).type),
    ['ADDED'],
  )
})

test('a WebSocket may bring its token as a subprotocol, which is not the one that is chosen', async () => {
  const url = `${testServer.url.replace('https', 'wss')}${configMapsPath}?watch=1&timeoutSeconds=1`
  const token = `base64url.bearer.authorization.k8s.io.${Buffer.from(testToken).toString('base64url')}`
  const socket = new WebSocket(url, [token, 'base64.binary.k8s.io'], {
    ca: testServer.certificateAuthority,
  })
  await once(socket, 'open')
  assert.equal(socket.protocol, 'base64.binary.k8s.io')
  socket.close()
  await once(socket, 'close')
  const unknown = new WebSocket(url, [`${token}x`, 'base64.binary.k8s.io'], {
    ca: testServer.certificateAuthority,
  })
  const [error] = (await once(unknown, 'error')) as [Error]
  assert.match(error.message, /401/)
})

test('DELETE takes options from its body or its query', async () => {
  for (const name of ['by-body', 'by-query']) await createConfigMap(name)
  const wrong = await client.send(`${configMapsPath}/by-body`, {
    method: 'DELETE',
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'other' } },
  })
  assert.equal(wrong.status, 409)
  const dry = await client.send(`${configMapsPath}/by-query?dryRun=All&propagationPolicy=Background`, {
    method: 'DELETE',
  })
  assert.equal(dry.status, 200)
  const invalid = await client.send(`${configMapsPath}/by-query?propagationPolicy=Sometimes`, {
    method: 'DELETE',
  })
  assert.equal(invalid.status, 422)
  assert.equal((await client.send(`${configMapsPath}/by-query`)).status, 200)
})

test('PATCH takes what its content type says', async () => {
  await createConfigMap('patched')
  const path = `${configMapsPath}/patched`
  const patch = (type: string, body: unknown, query = '') =>
    client.send(path + query, { method: 'PATCH', headers: { 'content-type': type }, body })
  const json = await patch('application/json-patch+json', [{ op: 'add', path: '/data', value: { a: 'b' } }])
  assert.deepEqual(json.json['data'], { a: 'b' })
  const failed = await patch('application/json-patch+json', [{ op: 'test', path: '/data/a', value: 'c' }])
  assert.equal(failed.status, 422)
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {c: d}\n'
  const applied = await patch('application/apply-patch+yaml', yaml, '?fieldManager=me')
  assert.deepEqual(applied.json['data'], { a: 'b', c: 'd' })
  assert.equal((await patch('application/json', {})).status, 415)
})

test('impersonation makes a request somebody else’s', async () => {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const response = await client.send('/api/v1/namespaces/default/secrets', {
    headers: { 'impersonate-user': 'jane' },
  })
  assert.match(String(response.json['message']), /^secrets is forbidden: User "jane" cannot list/)
  assert.equal((await client.send(path, { method: 'POST', body: {} })).status, 404)
})

test('a client that goes ends its watch', async () => {
  const stream = client.session.request({
    ':path': `${configMapsPath}?watch=1`,
    authorization: `Bearer ${testToken}`,
  })
  await once(stream, 'response')
  const metric = () =>
    client
      .send('/metrics')
      .then(({ text }) => /apiserver_longrunning_requests\{[^}]*verb="WATCH"[^}]*\} (\d+)/.exec(text)?.[1])
  assert.equal(await metric(), '1')
  stream.close()
  while ((await metric()) !== '0') await new Promise((resolve) => setImmediate(resolve))
})
