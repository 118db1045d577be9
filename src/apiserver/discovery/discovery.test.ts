import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ResourceDefinition } from '../../api/definition.ts'
import { decodeMessage } from '../../api/protobuf/decode.ts'
import { openProtobuf } from '../../api/protobuf/envelope.ts'
import { schemaOf } from '../../api/scheme.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { compareGroups, compareVersions } from './group-order.ts'

let testServer: TestServer
let client: HttpsClient

before(async () => {
  testServer = await startTestServer({ flags: { v: '2' } })
  client = new HttpsClient(testServer)
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

const get = async (path: string, headers: Record<string, string> = {}) => client.send(path, { headers })

test('discovery tells groups, versions and resources', async () => {
  assert.deepEqual((await get('/api')).json['versions'], ['v1'])
  const { groups } = (await get('/apis')).json as { groups: { name: string }[] }
  assert(groups.findIndex(({ name }) => name === 'apps') < groups.findIndex(({ name }) => name === 'batch'))
  assert.equal((await get('/apis/apps')).json['kind'], 'APIGroup')
  const list = (await get('/api/v1')).json as { groupVersion: string; resources: Record<string, unknown>[] }
  assert.equal(list.groupVersion, 'v1')
  const byName = new Map(list.resources.map((resource) => [resource['name'], resource]))
  assert.partialDeepStrictEqual(byName.get('pods'), {
    singularName: 'pod',
    namespaced: true,
    kind: 'Pod',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: ['po'],
    categories: ['all'],
    storageVersionHash: 'xPOwRZ+Yhw8=',
  })
  assert.partialDeepStrictEqual(byName.get('pods/eviction'), {
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    verbs: ['create'],
  })
  assert.partialDeepStrictEqual(byName.get('pods/exec'), { kind: 'PodExecOptions', verbs: ['create', 'get'] })
  assert.equal((await get('/apis/nothing')).status, 404)
  assert.equal((await get('/apis/apps/v9')).status, 404)
})

test('discovery is protobuf for who asks for it, and /api then too says no version', async () => {
  const kinds = {
    '/api': ['', 'APIVersions'],
    '/apis': ['v1', 'APIGroupList'],
    '/apis/apps': ['v1', 'APIGroup'],
  }
  for (const [path, [apiVersion, kind]] of Object.entries(kinds)) {
    const { status, body } = await get(path, { accept: 'application/vnd.kubernetes.protobuf' })
    assert.equal(status, 200)
    assert.partialDeepStrictEqual(openProtobuf(body), { apiVersion, kind })
  }
  const { body } = await get('/api', { accept: 'application/vnd.kubernetes.protobuf' })
  const schema = schemaOf({ group: '', version: 'v1', kind: 'APIVersions' })!
  assert.deepEqual(decodeMessage(openProtobuf(body).message, schema)['versions'], ['v1'])
})

test('discovery is one document for who asks for it, and 304 for who has it', async () => {
  const accept =
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
    'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
  const response = await get('/apis', { accept })
  assert.equal(
    response.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  )
  const { apiVersion, items } = response.json as {
    apiVersion: string
    items: {
      metadata: { name: string }
      versions: { version: string; resources: Record<string, unknown>[] }[]
    }[]
  }
  assert.equal(apiVersion, 'apidiscovery.k8s.io/v2')
  const apps = items.find(({ metadata }) => metadata.name === 'apps')
  assert.partialDeepStrictEqual(
    apps?.versions[0]?.resources.find(({ resource }) => resource === 'deployments'),
    {
      responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      shortNames: ['deploy'],
    },
  )
  const etag = String(response.headers['etag'])
  const again = await get('/apis', { accept, 'if-none-match': etag })
  assert.deepEqual([again.status, again.body.length], [304, 0])
  const beta = await get('/api', {
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  })
  assert.equal(beta.json['apiVersion'], 'apidiscovery.k8s.io/v2beta1')
})

test('discovery is one document in protobuf, too', async () => {
  const as = (mediaType: string, version: string) => ({
    accept: `${mediaType};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  })
  const schema = schemaOf({ group: 'apidiscovery.k8s.io', version: 'v2', kind: 'APIGroupDiscoveryList' })!
  for (const version of ['v2', 'v2beta1']) {
    for (const path of ['/api', '/apis']) {
      const wanted = as('application/vnd.kubernetes.protobuf', version)
      const binary = await get(path, wanted)
      assert.equal(binary.headers['content-type'], wanted.accept)
      const { message, ...type } = openProtobuf(binary.body)
      const { json, headers } = await get(path, as('application/json', version))
      const { apiVersion, kind, ...content } = json
      assert.deepEqual(type, { apiVersion, kind })
      assert.deepEqual(decodeMessage(message, schema)['items'], content['items'])
      assert.equal(binary.headers['etag'], headers['etag'])
    }
  }
})

test('discovery follows resources that come and go', async () => {
  const widgets: ResourceDefinition = {
    resource: { group: 'example.io', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true },
    isCustom: true,
    schema: {
      type: 'object',
      fields: {
        apiVersion: { schema: { type: 'string' } },
        kind: { schema: { type: 'string' } },
        metadata: { schema: { type: 'any' } },
        spec: { schema: { type: 'object', fields: { size: { schema: { type: 'integer' } } } } },
      },
    },
    singular: 'widget',
    strategy: {},
  }
  testServer.server.resources.add(widgets)
  const path = '/apis/example.io/v1/namespaces/default/widgets'
  assert.equal((await get('/apis/example.io/v1')).status, 200)
  const body = {
    apiVersion: 'example.io/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: { size: 3, color: 'red' },
  }
  const created = await client.send(path, { method: 'POST', body })
  assert.equal(created.status, 201, created.text)
  assert.deepEqual(created.json['spec'], { size: 3 })
  const list = (await get(path)).json as { kind: string; items: { kind: string }[] }
  assert.deepEqual([list.kind, list.items[0]?.kind], ['WidgetList', 'Widget'])
  const protobuf = await get(path, { accept: 'application/vnd.kubernetes.protobuf' })
  assert.equal(protobuf.status, 406)
  testServer.server.resources.remove(widgets.resource)
  assert.equal((await get(path)).status, 404)
  testServer.server.resources.add(widgets)
  assert.deepEqual(((await get(`${path}/w`)).json as { spec: unknown }).spec, { size: 3 })
  testServer.server.resources.remove(widgets.resource)
})

test('OpenAPI is served in both versions, by hash and as protobuf', async () => {
  const v2 = await get('/openapi/v2')
  assert.equal(v2.json['swagger'], '2.0')
  const asked = await get('/openapi/v2', {
    accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  })
  assert.equal(asked.headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
  for (const path of ['/openapi/v2', '/openapi/v3/apis/apps/v1']) {
    assert.equal((await get(path, { accept: 'text/html' })).status, 406)
    const any = await get(path, { accept: 'text/html, */*' })
    assert.equal(any.headers['content-type'], 'application/json')
  }
  const { paths } = (await get('/openapi/v3')).json as {
    paths: Record<string, { serverRelativeURL: string }>
  }
  const url = paths['apis/apps/v1']!.serverRelativeURL
  const document = await get(url)
  assert.equal(document.json['openapi'], '3.0.0')
  assert.equal(document.headers['cache-control'], 'public, immutable')
  assert.match(String(document.headers['expires']), / GMT$/)
  assert.equal((await get(url, { 'if-none-match': String(document.headers['etag']) })).status, 304)
  for (const version of ['.v1.0', '@v1.0']) {
    const binary = await get(url, {
      accept: `application/com.github.proto-openapi.spec.v3${version}+protobuf`,
    })
    assert.equal(binary.headers['content-type'], 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf')
    assert.equal(binary.headers['vary'], 'Accept')
    assert.ok(binary.body.includes('io.k8s.api.apps.v1.Deployment'))
    assert.notEqual(binary.body[0], '{'.charCodeAt(0))
  }
  const moved = await get('/openapi/v3/apis/apps/v1?hash=OLD')
  assert.deepEqual([moved.status, moved.headers['location']], [301, url])
  assert.equal((await get('/openapi/v3/apis/none/v1')).status, 404)
})

test('health is told as a whole, in parts, and with what is excluded', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz/etcd']) {
    const { status, text } = await get(path)
    assert.deepEqual([path, status, text], [path, 200, 'ok'])
  }
  const { text } = await get('/readyz?verbose&exclude=etcd&exclude=nothing&exclude=more')
  assert.match(text, /^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd excluded: ok\n/)
  assert.match(
    text,
    /warn: some health checks cannot be excluded: no matches for "nothing","more"\nreadyz check passed\n$/,
  )
  assert.equal((await get('/readyz/nothing')).status, 404)
})

test('version, metrics and the list of paths are there', async () => {
  const { json: version } = await get('/version')
  assert.match(String(version['gitVersion']), /^v1\.36\.\d/)
  assert.match(String(version['gitCommit']), /^[0-9a-f]{40}$/)
  assert.match((await get('/metrics')).text, /apiserver_request_total\{[^}]*verb="GET"/)
  const { paths } = (await get('/')).json as { paths: string[] }
  for (const path of ['/api/v1', '/apis/apps/v1', '/healthz', '/metrics', '/openapi/v3', '/version']) {
    assert(paths.includes(path), path)
  }
})

test('groups and versions have upstream’s order', () => {
  assert.deepEqual(['zebra.io', 'batch', 'example.io', 'apps', ''].sort(compareGroups), [
    '',
    'apps',
    'batch',
    'example.io',
    'zebra.io',
  ])
  assert.deepEqual(['v1alpha1', 'v1', 'v2beta1', 'v10', 'other', 'v2'].sort(compareVersions), [
    'v10',
    'v2',
    'v1',
    'v2beta1',
    'v1alpha1',
    'other',
  ])
})

test('the server tells what it is, and by which flags it works where it is told', async () => {
  const { paths } = (await get('/')).json as { paths: readonly string[] }
  assert(paths.includes('/statusz') && paths.includes('/flagz'))
  const { status, body } = await get('/statusz')
  assert.equal(status, 200)
  assert.match(
    String(body),
    /^\napiserver statusz\n[^]*Paths\W+\/flagz \/healthz \/livez \/metrics \/readyz \/version\n$/,
  )
  const flagz = await get('/flagz', { accept: 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz' })
  assert.partialDeepStrictEqual(flagz.json, { kind: 'Flagz', flags: { v: '2' } })
  assert.equal((await get('/flagz', { accept: 'application/json' })).status, 406)
})
