import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import type { Service } from '../../api/generated/core.v1.ts'
import { endpointSlices, services } from '../../api/generated/resources.ts'
import { systemClock } from '../../machinery/clock.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import { StatusError } from '../../machinery/status.ts'
import { memoryObjects } from '../admission/testing/memory-objects.ts'
import { WebhookCallError } from './call-error.ts'
import { createServiceResolver } from './service-resolver.ts'
import { startWebhookServer, type WebhookServer } from './testing/webhook-server.ts'
import { webhookAddress } from './webhook-address.ts'
import { WebhookClient } from './webhook-client.ts'

let server: WebhookServer
let client: WebhookClient
const metrics = createMetrics()
describe('webhook client', () => {
  before(async () => {
    server = await startWebhookServer({ dnsNames: ['hooks.default.svc'] })
    client = new WebhookClient({
      resolve: () => ({ host: '127.0.0.1', port: server.port }),
      clock: systemClock,
      metrics,
    })
  })
  after(async () => {
    client.close()
    await server[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    server.calls.length = 0
    server.respond = (body) => ({ seen: body })
  })

  test('WebhookClient posts JSON, says how long it waits, and gives the answer', async () => {
    const answer = await client.call(server.target('/a/b/'), { x: '<' }, { timeoutMs: 9500 })
    assert.deepEqual(answer, { seen: { x: '<' } })
    const [call] = server.calls
    assert.equal(call?.path, '/a/b?timeout=10s')
    assert.equal(call?.text, '{"x":"\\u003c"}\n')
    assert.equal(call?.headers['content-type'], 'application/json')
    assert.equal(call?.headers['user-agent'], 'kube-apiserver-admission')
  })

  test('WebhookClient verifies a Service by its name, wherever it is resolved to', async () => {
    const service = { namespace: 'default', name: 'hooks', path: '/x' }
    await client.call({ service, caBundle: server.caBundle }, {})
    assert.deepEqual(
      [server.calls[0]?.path, server.calls[0]?.headers.host],
      ['/x?timeout=30s', 'hooks.default.svc:443'],
    )
    await assert.rejects(
      client.call({ service: { ...service, name: 'others' }, caBundle: server.caBundle }, {}),
      new WebhookCallError(
        'Post "https://others.default.svc:443/x?timeout=30s": tls: failed to verify certificate: x509: ' +
          'certificate is valid for hooks.default.svc, 127.0.0.1, not others.default.svc',
      ),
    )
  })

  test('WebhookClient uses connections again, and replaces one that its server closed', async () => {
    await client.call(server.target(), {})
    await setImmediate()
    await client.call(server.target(), {})
    await setImmediate()
    server.closeIdle()
    await client.call(server.target(), {})
    const [first, second, third] = server.calls.map(({ remotePort }) => remotePort)
    assert.equal(first, second)
    assert.notEqual(second, third)
  })

  const answers: readonly (readonly [string, (response: ServerResponse) => unknown, RegExp, number?])[] = [
    [
      'a Status',
      (response) => {
        response.statusCode = 403
        return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'not you', code: 403 }
      },
      /^not you$/,
      403,
    ],
    [
      'a failure in text',
      (response) => response.writeHead(500, { 'content-type': 'text/plain' }).end('broken\n') && undefined,
      /^an error on the server \("broken"\) has prevented the request from succeeding$/,
      500,
    ],
    [
      'a redirect',
      (response) => response.writeHead(307, { location: 'https://127.0.0.1:1/' }).end() && undefined,
      /^the server responded with the status code 307 but did not return more information$/,
      307,
    ],
    [
      'nothing',
      (response) => response.end() && undefined,
      /^0-length response with status code: 200 and content type: application\/json$/,
    ],
    [
      'no JSON',
      (response) => response.end('{') && undefined,
      /^couldn't get version\/kind; json parse error: /,
    ],
    [
      'too much',
      (response) => response.end(JSON.stringify('x'.repeat(2000))) && undefined,
      /^the response is larger than 1000 bytes$/,
    ],
    [
      'an answer cut short',
      (response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
        process.nextTick(() => response.destroy())
        return undefined
      },
      /^unexpected error when reading response body\. Please retry\. Original error: /,
    ],
  ]
  for (const [name, respond, message, code] of answers) {
    test(`WebhookClient: ${name} is a failure`, async () => {
      server.respond = (_body, response) => respond(response)
      await assert.rejects(client.call(server.target(), {}, { maxResponseBytes: 1000 }), (error: Error) => {
        assert.match(error.message, message)
        assert.equal(error instanceof StatusError ? error.status.code : undefined, code)
        return true
      })
    })
  }

  test('WebhookClient comes again when it is asked to', async () => {
    let count = 0
    server.respond = (_body, response) => {
      if (++count === 2) return { ok: true }
      response.writeHead(503, { 'retry-after': '0' }).end()
      return undefined
    }
    assert.deepEqual(await client.call(server.target(), {}), { ok: true })
  })

  test('WebhookClient waits no longer than it may', async () => {
    server.respond = () => undefined
    const url = server.target().url!
    await assert.rejects(
      client.call(server.target(), {}, { timeoutMs: 50 }),
      new WebhookCallError(`Post "${url}?timeout=1s": context deadline exceeded`),
    )
    await assert.rejects(
      client.call(server.target(), {}, { signal: AbortSignal.abort() }),
      new WebhookCallError(`Post "${url}?timeout=30s": context canceled`),
    )
    server.respond = (_body, response) => void response.writeHead(200).write('{')
    await assert.rejects(
      client.call(server.target(), {}, { timeoutMs: 50 }),
      /unexpected error when reading response body\. Please retry\. Original error: context deadline exceeded$/,
    )
  })

  test('WebhookClient says what is wrong with a connection', async () => {
    const plain = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    plain.listen(0, '127.0.0.1')
    await once(plain, 'listening')
    const { port } = plain.address() as AddressInfo
    const plainUrl = `https://127.0.0.1:${port}/`
    await assert.rejects(
      client.call({ url: plainUrl }, {}),
      /: http: server gave HTTP response to HTTPS client$/,
    )
    plain.close()
    await once(plain, 'close')
    await assert.rejects(
      client.call({ url: plainUrl }, {}),
      new WebhookCallError(
        `Post "${plainUrl}?timeout=30s": dial tcp 127.0.0.1:${port}: connect: connection refused`,
      ),
    )
    await assert.rejects(
      client.call({ url: server.target().url! }, {}),
      /: tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
    )
    await assert.rejects(
      client.call({}, {}),
      /^Error: webhook configuration must have either service or URL$/,
    )
  })

  const addresses = [
    [{ url: 'https://[::1]/x y' }, 'https://[::1]/x%20y?timeout=1s', '[::1]', ''],
    [
      { url: 'https://example.com:8443' },
      'https://example.com:8443/?timeout=1s',
      'example.com:8443',
      'example.com',
    ],
    [
      { service: { namespace: 'a', name: 'b', port: 8443 } },
      'https://b.a.svc:8443/?timeout=1s',
      'b.a.svc:8443',
      'b.a.svc',
    ],
  ] as const
  for (const [target, url, authority, serverName] of addresses) {
    test(`webhookAddress of ${JSON.stringify(target)}`, () => {
      const address = webhookAddress(target, 1)
      assert.deepEqual([address.url, address.authority, address.serverName], [url, authority, serverName])
    })
  }

  const service = (name: string, spec: Service['spec']): Service => ({
    metadata: { name, namespace: 'n' },
    spec: spec!,
  })
  const slice = (name: string, fields: Partial<EndpointSlice>): EndpointSlice => ({
    metadata: { name, namespace: 'n', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ name: 'https', port: 8443 }],
    ...fields,
  })

  test('createServiceResolver finds a ready endpoint of the port, of the first family if there is one', () => {
    const objects = memoryObjects()
    objects.put(services, service('web', { ports: [{ name: 'https', port: 443 }], ipFamilies: ['IPv4'] }))
    objects.put(services, service('elsewhere', { type: 'ExternalName', externalName: 'example.com' }))
    const resolve = createServiceResolver(objects, seededRandom(1))
    assert.deepEqual(resolve('n', 'elsewhere', 8443), { host: 'example.com', port: 8443 })
    assert.throws(() => resolve('n', 'other', 443), /^StatusError: service "other" not found$/)
    assert.throws(() => resolve('n', 'web', 80), /no service port 80 found for service "web"$/)
    assert.throws(() => resolve('n', 'web', 443), /no endpoints available for service "web"$/)
    objects.put(
      endpointSlices,
      slice('six', { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] }),
    )
    assert.deepEqual(resolve('n', 'web', 443), { host: 'fd00::1', port: 8443 })
    const endpoints = [
      { addresses: ['10.0.0.1'], conditions: { ready: false } },
      { addresses: ['10.0.0.2'] },
      { addresses: ['10.0.0.3'], conditions: { ready: true } },
    ]
    objects.put(endpointSlices, slice('four', { endpoints }))
    const hosts = new Set(Array.from({ length: 30 }, () => resolve('n', 'web', 443).host))
    assert.deepEqual([...hosts].sort(), ['10.0.0.2', '10.0.0.3'])
  })
})
