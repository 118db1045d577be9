import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { APIService } from '../../api/generated/apiregistration.v1.ts'
import { apiServices, services } from '../../api/generated/resources.ts'
import { systemClock } from '../../machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { refusal, TestRequests } from '../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { startRemoteServer, type RemoteServer } from './testing/remote-server.ts'

let remote: RemoteServer
let testServer: TestServer
let client: HttpsClient
let requests: TestRequests

const flunders = '/apis/wardle.example.com/v1/namespaces/default/flunders'
const name = 'v1.wardle.example.com'
describe('aggregation', () => {
  before(async () => {
    remote = await startRemoteServer()
    const now = systemClock.now()
    const frontProxy = issueCertificate(createCertificateAuthority({ commonName: 'front-proxy-ca', now }), {
      commonName: 'front-proxy-client',
      usages: ['client auth', 'digital signature'],
      now,
    })
    testServer = await startTestServer({
      frontProxyClient: { certificate: frontProxy.certificatePem, key: frontProxy.privateKeyPem },
    })
    client = new HttpsClient(testServer)
    requests = new TestRequests(testServer.server)
    await requests.create(services, {
      metadata: { name: 'wardle', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    })
    await requests.create(apiServices, wardle())
    await until(async () => (await available()) === 'Passed')
  })
  after(async () => {
    client.close()
    await testServer[Symbol.asyncDispose]()
    await remote[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    remote.seen.length = 0
  })

  function wardle(service: object = {}): APIService {
    return {
      metadata: { name },
      spec: {
        group: 'wardle.example.com',
        version: 'v1',
        service: { namespace: 'default', name: 'wardle', port: remote.port, ...service },
        caBundle: remote.caBundle,
        groupPriorityMinimum: 2000,
        versionPriority: 15,
      },
    }
  }

  async function available(): Promise<string | undefined> {
    const { status } = await requests.get(apiServices, { name })
    return status?.conditions?.[0]?.reason
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) {
      await new Promise<void>((resolve) => void systemClock.after(10, resolve))
    }
  }

  test('requests are passed on with who makes them, and nothing that proves it', async () => {
    remote.respond = (request, response) => {
      response.setHeader('content-type', 'application/json')
      response.writeHead(201).end(JSON.stringify({ kind: 'Flunder', body: request.body }))
    }
    const answer = await client.send(`${flunders}?fieldManager=a%2Fb`, {
      method: 'POST',
      body: { x: 1 },
      headers: { 'x-remote-user': 'root', 'x-remote-extra-a': 'b', 'x-mine': 'yes' },
    })
    assert.equal(answer.status, 201)
    assert.deepEqual(answer.json, { kind: 'Flunder', body: '{"x":1}' })
    const [{ method, url, headers, client: certificate }] = remote.seen as [RemoteServer['seen'][number]]
    assert.deepEqual(
      [method, url, certificate],
      ['POST', `${flunders}?fieldManager=a%2Fb`, 'front-proxy-client'],
    )
    assert.equal(headers['x-remote-user'], 'tester')
    assert.equal(headers['x-remote-group'], 'system:masters, system:authenticated')
    assert.deepEqual(
      [headers.authorization, headers['x-remote-extra-a'], headers['x-mine']],
      [undefined, undefined, 'yes'],
    )
  })

  test('streams come as they are sent', async () => {
    remote.respond = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"type":"ADDED"}\n')
      setImmediate(() => response.end('{"type":"DELETED"}\n'))
    }
    const { text } = await client.send(`${flunders}?watch=true`)
    assert.equal(text, '{"type":"ADDED"}\n{"type":"DELETED"}\n')
  })

  test('components in this process reach other servers, too', async () => {
    const resource = { group: 'wardle.example.com', version: 'v1', resource: 'flunders' }
    const flunder = { ...resource, kind: 'Flunder', namespaced: true }
    remote.respond = ({ method, url, body }, response) => {
      response.setHeader('content-type', 'application/json')
      if (url.includes('watch=true')) response.end('{"type":"ADDED","object":{"kind":"Flunder"}}\n')
      else if (method === 'DELETE')
        response.writeHead(404).end('{"kind":"Status","code":404,"reason":"NotFound"}')
      else response.end(JSON.stringify({ kind: 'FlunderList', items: [{ method, url, body }] }))
    }
    const scope = { namespace: 'default' }
    const list = await requests.send(flunder, scope, { verb: 'list', options: { labelSelector: 'a=b' } })
    assert.deepEqual(list.type === 'object' && list.object, {
      kind: 'FlunderList',
      items: [{ method: 'GET', url: `${flunders}?labelSelector=a%3Db`, body: '' }],
    })
    assert.equal(remote.seen[0]?.headers['x-remote-user'], 'tester')
    const watch = await requests.send(flunder, scope, { verb: 'watch', options: {} })
    const events: unknown[] = []
    if (watch.type === 'events') for await (const event of watch.events) events.push(event)
    assert.deepEqual(events, [{ type: 'ADDED', object: { kind: 'Flunder' } }])
    const deletion = requests.send(flunder, scope, { verb: 'deletecollection', options: {}, listOptions: {} })
    assert.match(await refusal(deletion), /^404 NotFound/)
  })

  test('redirects are refused', async () => {
    remote.respond = (_request, response) => response.writeHead(302, { location: 'https://elsewhere/' }).end()
    const answer = await client.send(flunders)
    assert.equal(answer.status, 502)
    assert.equal(answer.text, 'the backend attempted to redirect this request, which is not permitted\n')
    assert.equal(answer.headers['location'], undefined)
  })

  test('upgrades are passed on with who makes them', async () => {
    let user: unknown
    remote.onUpgrade = (request, socket) => {
      user = request.headers['x-remote-user']
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
      socket.pipe(socket)
    }
    const { response, socket } = await client.upgrade(`${flunders}/a/exec`, { upgrade: 'test' })
    assert.equal(response.statusCode, 101)
    socket!.write('hello')
    const [echoed] = (await once(socket!, 'data')) as [Buffer]
    assert.deepEqual([echoed.toString(), user], ['hello', 'tester'])
    socket!.destroy()
  })

  test('an upgrade that is not made leaves no tunnel', async () => {
    remote.onUpgrade = (_request, socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
      socket.on('data', () => assert.fail('something came through'))
    }
    const refused = await client.upgrade(`${flunders}/a/exec`, { upgrade: 'test' })
    assert.deepEqual([refused.response.statusCode, refused.text], [403, 'no'])
    remote.onUpgrade = (_request, socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const odd = await client.upgrade(`${flunders}/a/exec`, { upgrade: 'test' })
    assert.equal(odd.response.statusCode, 502)
    assert.equal(odd.socket, undefined)
  })

  test('discovery tells of all APIs, in the order of their priorities', async () => {
    await until(async () => (await client.send('/apis', accepting)).text.includes('flunders'))
    const { json } = await client.send('/apis')
    const names = (json['groups'] as { name: string }[]).map((group) => group.name)
    assert.deepEqual(names.slice(0, 2), ['apiregistration.k8s.io', 'apps'])
    assert.equal(names.at(-2), 'wardle.example.com')
    assert.equal((await client.send('/apis/wardle.example.com')).json['name'], 'wardle.example.com')
    const resources = (await client.send('/apis/wardle.example.com/v1')).json['resources'] as {
      name: string
    }[]
    assert.deepEqual(
      resources.map((resource) => resource.name),
      ['flunders', 'flunders/status'],
    )
    const [version] = await remoteVersions()
    assert.equal(version?.freshness, 'Current')
    assert.deepEqual(version.resources[0]?.shortNames, ['fl'])
    assert.deepEqual(
      version.resources[0]?.subresources?.map(({ subresource }) => subresource),
      ['status'],
    )
  })

  const accepting = {
    headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  }

  interface Version {
    readonly version: string
    readonly freshness: string
    readonly resources: readonly {
      readonly shortNames?: readonly string[]
      readonly subresources?: readonly { readonly subresource: string }[]
    }[]
  }

  async function remoteVersions(): Promise<readonly Version[]> {
    const { json } = await client.send('/apis', accepting)
    const items = json['items'] as { metadata: { name?: string }; versions: Version[] }[]
    return items.find(({ metadata }) => metadata.name === 'wardle.example.com')?.versions ?? []
  }

  test('OpenAPI tells of all APIs', async () => {
    const v2 = (await client.send('/openapi/v2')).json as {
      paths: Record<string, { get?: { operationId: string; responses?: object } }>
      definitions: Record<string, unknown>
    }
    assert.equal(v2.paths['/apis/wardle.example.com/v1/flunders']?.get?.operationId, 'listFlunders')
    assert.equal('Flunder' in v2.definitions && 'FlunderSpec' in v2.definitions, true)
    assert.equal('Unused' in v2.definitions, false)
    assert.ok(v2.paths['/api/v1/pods'])
    const index = (await client.send('/openapi/v3')).json['paths'] as Record<
      string,
      { serverRelativeURL: string }
    >
    assert.equal(
      index['apis/wardle.example.com/v1']?.serverRelativeURL,
      '/openapi/v3/apis/wardle.example.com/v1?hash=ABC',
    )
    assert.ok(index['api/v1'])
    const document = await client.send('/openapi/v3/apis/wardle.example.com/v1?hash=ABC')
    assert.deepEqual(document.json, { openapi: '3.0.0', paths: {} })
  })

  test('a server that is away leaves the rest', async () => {
    remote.isUp = false
    await requests.patch(apiServices, { name }, { metadata: { labels: { touched: 'yes' } } })
    await until(async () => (await available()) === 'FailedDiscoveryCheck')
    const answer = await client.send(flunders)
    assert.deepEqual([answer.status, answer.text], [503, 'service unavailable\n'])
    assert.equal((await client.send('/apis/wardle.example.com/v1')).status, 503)
    const [version] = await remoteVersions()
    assert.deepEqual([version?.freshness, version?.resources.length], ['Stale', 1])
    assert.equal((await client.send('/apis/apps/v1')).status, 200)
    remote.isUp = true
    await until(async () => (await available()) === 'Passed')
  })

  const unavailable: readonly (readonly [string, object, string])[] = [
    ['without a service', { name: 'other' }, 'ServiceNotFound'],
    ['on a port that the service has not', { name: 'web', port: 444 }, 'ServicePortError'],
    ['without endpoints', { name: 'web', port: 443 }, 'EndpointsNotFound'],
  ]
  for (const [what, service, reason] of unavailable) {
    test(`an API ${what} is not available`, async () => {
      const web = { metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 443 }] } }
      await requests.create(services, web).catch(() => {})
      const { metadata } = await requests.get(apiServices, { name })
      const { resourceVersion = '' } = metadata ?? {}
      await requests.update(apiServices, { ...wardle(service), metadata: { name, resourceVersion } })
      await until(async () => (await available()) === reason)
    })
  }

  test('what is served here has APIServices, too', async () => {
    const local = await requests.get(apiServices, { name: 'v1.apps' })
    const { group, groupPriorityMinimum, versionPriority } = local.spec!
    assert.deepEqual([group, groupPriorityMinimum, versionPriority], ['apps', 17_800, 15])
    assert.equal(local.status?.conditions?.[0]?.reason, 'Local')
    assert.equal(local.metadata?.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'onstart')
    assert.ok(await requests.get(apiServices, { name: 'v1.' }))
  })

  test('APIServices are named for what they are, and have priorities', async () => {
    assert.equal(
      await refusal(
        requests.create(apiServices, {
          metadata: { name: 'x' },
          spec: { group: 'a.b', version: 'v1', groupPriorityMinimum: 0, versionPriority: 1001 },
        }),
      ),
      '422 Invalid: APIService.apiregistration.k8s.io "x" is invalid: [metadata.name: Invalid value: "x": must be ' +
        '`spec.version+"."+spec.group`: "v1.a.b", spec.groupPriorityMinimum: Invalid value: 0: must be positive and less ' +
        'than 20000, spec.versionPriority: Invalid value: 1001: must be positive and less than 1000]',
    )
  })
})
