import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { nodes, pods } from '../../api/generated/resources.ts'
import { systemClock } from '../../machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import type { AdmissionPlugin } from '../admission/plugin.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { TestRequests } from '../testing/test-requests.ts'
import { startTestServer, testToken, type TestServer } from '../testing/test-server.ts'
import { parseSchemeNamePort } from './scheme-name-port.ts'
import { isLinkLocalOrLoopback } from './proxyable.ts'
import { rewriteLinks, rewriteUrl } from './rewrite-links.ts'

let kubelet: Server
let onRequest: (request: IncomingMessage, response: ServerResponse) => void
let onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
let testServer: TestServer
let client: HttpsClient
const admitted: string[] = []

const witness: AdmissionPlugin = {
  name: 'Witness',
  handles: ({ operation }) => operation === 'CONNECT',
  validate: ({ subresource, options }) => void admitted.push(`${subresource} ${JSON.stringify(options)}`),
}

const podPath = '/api/v1/namespaces/default/pods/p'
describe('connect', () => {
  before(async () => {
    const authority = createCertificateAuthority({ commonName: 'kubelets', now: systemClock.now() })
    const certificate = issueCertificate(authority, {
      commonName: 'kubelet',
      names: { ipAddresses: ['127.0.0.1'] },
      usages: ['server auth', 'digital signature'],
      now: systemClock.now(),
    })
    kubelet = createServer(
      {
        cert: certificate.certificatePem,
        key: certificate.privateKeyPem,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => onRequest(request, response),
    )
    kubelet.on('upgrade', (request, socket, head) => onUpgrade(request, socket, head as Buffer))
    kubelet.listen(0, '127.0.0.1')
    await once(kubelet, 'listening')
    const identity = issueCertificate(authority, {
      commonName: 'kube-apiserver-kubelet-client',
      usages: ['client auth', 'digital signature'],
      now: systemClock.now(),
    })
    testServer = await startTestServer({
      admission: [witness],
      kubeletClient: {
        certificate: identity.certificatePem,
        key: identity.privateKeyPem,
        certificateAuthority: authority.certificatePem,
      },
    })
    client = new HttpsClient(testServer)
    const requests = new TestRequests(testServer.server)
    const { port } = kubelet.address() as AddressInfo
    const node = await requests.create(nodes, { metadata: { name: 'node' } })
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    } as const
    await requests.update(nodes, { ...node, status }, 'status')
    const containers = [{ name: 'c', image: 'i' }]
    await requests.create(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { nodeName: 'node', containers },
    })
    await requests.create(pods, {
      metadata: { name: 'homeless', namespace: 'default' },
      spec: { containers },
    })
    await requests.create(pods, {
      metadata: { name: 'many', namespace: 'default' },
      spec: { nodeName: 'node', containers: [...containers, { name: 'd', image: 'i' }] },
    })
  })
  after(async () => {
    client.close()
    await testServer[Symbol.asyncDispose]()
    kubelet.closeAllConnections()
    kubelet.close()
  })
  beforeEach(() => {
    admitted.length = 0
    onRequest = (_request, response) => response.writeHead(500).end('unexpected')
    onUpgrade = (_request, socket) => socket.destroy()
  })

  test('logs are streamed from the kubelet, which sees the API server’s certificate', async () => {
    onRequest = (request, response) => {
      const { subject } = (
        request.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }
      ).getPeerCertificate()
      response.write(`${request.method} ${request.url} by ${subject.CN}\n`)
      response.end('more')
    }
    const { status, text, headers } = await client.send(
      `${podPath}/log?follow=true&tailLines=5&timestamps=false&pretty=true`,
    )
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/plain')
    assert.equal(
      text,
      'GET /containerLogs/default/p/c?follow=true&tailLines=5 by kube-apiserver-kubelet-client\nmore',
    )
  })

  const logRefusals: readonly (readonly [
    string,
    string,
    (response: ServerResponse) => void,
    number,
    RegExp,
  ])[] = [
    [
      'what the kubelet refuses',
      podPath,
      (response) => response.writeHead(400).end('container "c" in pod "p" is waiting to start'),
      400,
      /^container "c" in pod "p" is waiting to start$/,
    ],
    [
      'what the kubelet does not find',
      podPath,
      (response) => response.writeHead(404).end('pod does not exist'),
      404,
      /^the server could not find the requested resource/,
    ],
    [
      'what the kubelet fails at',
      podPath,
      (response) => response.writeHead(500).end('broken'),
      500,
      /^Internal error occurred: broken$/,
    ],
  ]

  for (const [name, path, answer, status, message] of logRefusals) {
    test(`logs: passes on ${name}`, async () => {
      onRequest = (_request, response) => answer(response)
      const response = await client.send(`${path}/log`)
      assert.equal(response.status, status)
      assert.match(String(response.json['message']), message)
    })
  }

  for (const [protocol, expected] of [
    [undefined, ['', 'some', ' more']],
    ['binary.k8s.io', ['', 'some', ' more']],
    ['base64.binary.k8s.io', ['', 'c29tZQ==', 'IG1vcmU=']],
  ] as const) {
    test(`logs: as messages of a WebSocket that speaks ${protocol ?? 'no subprotocol'}`, async () => {
      onRequest = (_request, response) => {
        response.write('some')
        setImmediate(() => response.end(' more'))
      }
      const webSocket = new WebSocket(
        `wss://127.0.0.1:${testServer.server.port}${podPath}/log`,
        protocol === undefined ? [] : [protocol],
        { ca: testServer.certificateAuthority, headers: { authorization: `Bearer ${testToken}` } },
      )
      const messages: string[] = []
      webSocket.on('message', (data: Buffer) => messages.push(data.toString()))
      await once(webSocket, 'close')
      assert.equal(webSocket.protocol, protocol ?? '')
      assert.deepEqual(messages, expected)
    })
  }

  test('logs: subprotocols for something else are refused', async () => {
    onRequest = (_request, response) => response.end('some')
    const { response, socket } = await client.upgrade(`${podPath}/log`, {
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'v4.channel.k8s.io',
    })
    assert.equal(response.statusCode, 403)
    assert.equal(socket, undefined)
  })

  test('logs need a container that is meant', async () => {
    const path = '/api/v1/namespaces/default/pods/many/log'
    const unnamed = await client.send(path)
    assert.equal(
      unnamed.json['message'],
      'a container name must be specified for pod many, choose one of: [c d]',
    )
    const wrong = await client.send(`${path}?container=e`)
    assert.equal(wrong.json['message'], 'container e is not valid for pod many')
    assert.equal((await client.send('/api/v1/namespaces/default/pods/homeless/log')).status, 204)
    assert.equal((await client.send(`${podPath}/log?limitBytes=0`)).status, 422)
  })

  test('exec passes bytes both ways, with half-close', async () => {
    let seen = ''
    onUpgrade = (request, socket, head) => {
      seen = `${request.method} ${request.url} ${request.headers.upgrade} ${request.headers.authorization}`
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhello ',
      )
      const received: Buffer[] = [head]
      socket.on('data', (chunk: Buffer) => received.push(chunk))
      socket.on('end', () => socket.end(`got ${Buffer.concat(received).length}`))
    }
    const query = 'command=cat&command=-&stdin=true&stdout=true&tty=false'
    const { response, socket, head } = await client.upgrade(
      `${podPath}/exec?${query}`,
      { upgrade: 'SPDY/3.1' },
      'POST',
    )
    assert.equal(response.statusCode, 101)
    assert.equal(seen, 'POST /exec/default/p/c?input=1&output=1&command=cat&command=- SPDY/3.1 undefined')
    assert.match(admitted[0] ?? '', /^exec \{"kind":"PodExecOptions".*"command":\["cat","-"\]\}$/)
    const chunks = [head]
    socket!.on('data', (chunk: Buffer) => chunks.push(chunk))
    const total = 3_000_000
    socket!.end(Buffer.alloc(total, 'x'))
    await once(socket!, 'end')
    assert.equal(Buffer.concat(chunks).toString(), `hello got ${total}`)
  })

  test('exec that the kubelet refuses opens no pipe', async () => {
    onUpgrade = (_request, socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno')
      socket.on('data', () => assert.fail('something came through'))
    }
    const { response, text } = await client.upgrade(`${podPath}/exec?command=x`, { upgrade: 'websocket' })
    assert.deepEqual([response.statusCode, text], [403, 'no'])
    onUpgrade = (_request, socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const odd = await client.upgrade(`${podPath}/exec?command=x`, { upgrade: 'websocket' })
    assert.equal(odd.response.statusCode, 500)
    assert.match(odd.text, /invalid upgrade response: status code 200/)
  })

  test('CVE-2020-8559: a kubelet leads nobody elsewhere', async () => {
    const asked: string[] = []
    const other = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end('elsewhere')
    })
    other.on('upgrade', (request, socket) => {
      asked.push(`upgrade ${request.url}`)
      socket.destroy()
    })
    await once(other.listen(0, '127.0.0.1'), 'listening')
    const { port } = other.address() as AddressInfo
    const location = `http://127.0.0.1:${port}/exec/kube-system/other/app?command=x`
    onUpgrade = (_request, socket) =>
      void socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`)
    for (const upgrade of ['websocket', 'SPDY/3.1']) {
      const { response } = await client.upgrade(`${podPath}/exec?command=x`, { upgrade })
      assert.notEqual(response.statusCode, 101)
    }
    await client.send(`${podPath}/log`)
    assert.deepEqual(asked, [])
    await new Promise((resolve) => other.close(resolve))
  })

  test('streams need an upgrade, a node, and permission', async () => {
    assert.match(
      (await client.send(`${podPath}/exec?command=x`, { method: 'POST' })).text,
      /Upgrade request required/,
    )
    const homeless = await client.upgrade(
      '/api/v1/namespaces/default/pods/homeless/attach',
      { upgrade: 'SPDY/3.1' },
      'POST',
    )
    assert.match(homeless.text, /pod homeless does not have a host assigned/)
    assert.equal((await client.send(`${podPath}/exec`, { method: 'DELETE' })).status, 405)
  })

  test('port forwarding goes to the kubelet', async () => {
    let url = ''
    onUpgrade = (request, socket) => {
      url = request.url ?? ''
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n')
    }
    const { socket } = await client.upgrade(
      `${podPath}/portforward?ports=80`,
      { upgrade: 'SPDY/3.1' },
      'POST',
    )
    socket?.destroy()
    assert.equal(url, '/portForward/default/p?port=80')
  })

  test('node proxies pass on method, path, query, body and headers, but no credentials', async () => {
    onRequest = (request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const {
          authorization,
          'x-forwarded-for': forwardedFor,
          'x-forwarded-uri': uri,
          'x-mine': mine,
        } = request.headers
        response.setHeader('connection', 'x-secret')
        response.setHeader('x-secret', 'hop')
        response.setHeader('location', '/elsewhere')
        const seen = {
          url: request.url,
          method: request.method,
          body,
          authorization,
          forwardedFor,
          uri,
          mine,
        }
        response.writeHead(202).end(JSON.stringify(seen))
      })
    }
    const response = await client.send('/api/v1/nodes/node/proxy/a%20b/c?q=1', {
      method: 'POST',
      body: { x: 1 },
      headers: { 'x-mine': 'yes' },
    })
    assert.equal(response.status, 202)
    assert.deepEqual(response.json, {
      url: '/a%20b/c?q=1',
      method: 'POST',
      body: '{"x":1}',
      forwardedFor: '127.0.0.1',
      uri: '/api/v1/nodes/node/proxy/a%20b/c',
      mine: 'yes',
    })
    assert.equal(response.headers['location'], '/api/v1/nodes/node/proxy/elsewhere')
    assert.equal(response.headers['x-secret'], undefined)
    const root = await client.send('/api/v1/nodes/node/proxy?x=y')
    assert.deepEqual([root.status, root.headers['location']], [301, '/api/v1/nodes/node/proxy/?x=y'])
  })

  test('a backend is verified by its address, whatever Host the client names', async () => {
    onRequest = (request, response) => response.end(request.headers.host)
    const response = await client.send1('/api/v1/nodes/node/proxy/x', { headers: { host: 'localhost:8001' } })
    assert.deepEqual([response.status, response.text], [200, 'localhost:8001'])
  })

  test('proxies pass on every method', async () => {
    onRequest = (request, response) => response.end(request.method)
    const proxy = '/api/v1/nodes/node/proxy/some/path'
    for (const method of ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT']) {
      const { status, text } = await client.send(proxy, { method })
      assert.deepEqual([status, text], [200, method])
    }
    assert.equal((await client.send(proxy, { method: 'HEAD' })).status, 200)
    assert.equal((await client.send(`${podPath}/log`, { method: 'OPTIONS' })).status, 405)
  })

  test('pod and service proxies refuse addresses that mean somebody else', async () => {
    const response = await client.send(`${podPath}/proxy/`)
    assert.match(response.text, /address not allowed/)
    const service = await client.send('/api/v1/namespaces/default/services/kubernetes/proxy/')
    assert.equal(service.status, 503)
    assert.match(service.text, /no endpoints available for service \\"kubernetes\\"/)
  })

  test('a backend that cannot be reached is unavailable', async () => {
    const closed = createHttpServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    const requests = new TestRequests(testServer.server)
    const gone = await requests.create(nodes, { metadata: { name: 'gone' } })
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    } as const
    await requests.update(nodes, { ...gone, status }, 'status')
    const response = await client.send('/api/v1/nodes/gone/proxy/x')
    assert.equal(response.status, 503)
    assert.match(response.text, /error trying to reach service: connect ECONNREFUSED/)
  })

  test('rewriteLinks leads absolute links through the proxy', () => {
    const target = { prefix: '/api/v1/namespaces/a/services/b/proxy', backendHost: '10.0.0.1:80' }
    const { prefix } = target
    const rows = [
      ['<a href="/x">x</a>', `<a href="${prefix}/x">x</a>`],
      [`<A HREF='/x?y=1'>`, `<A HREF='${prefix}/x?y=1'>`],
      ['<a href="x">', '<a href="x">'],
      ['<a href="https://other.io/x">', '<a href="https://other.io/x">'],
      ['<img alt="/no" src=/pic.png>', `<img alt="/no" src="${prefix}/pic.png">`],
      ['<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'],
      ['<p href="/x">', '<p href="/x">'],
    ] as const
    for (const [html, expected] of rows) assert.equal(rewriteLinks(html, target), expected)
    assert.equal(rewriteUrl('http://10.0.0.1:80/y', target), `${prefix}/y`)
    assert.equal(rewriteUrl(`${prefix}/y`, target), `${prefix}/y`)
  })

  test('names of proxies have a scheme and a port', () => {
    assert.deepEqual(parseSchemeNamePort('web'), { scheme: '', name: 'web', port: '' })
    assert.deepEqual(parseSchemeNamePort('web:http'), { scheme: '', name: 'web', port: 'http' })
    assert.deepEqual(parseSchemeNamePort('https:web:443'), { scheme: 'https', name: 'web', port: '443' })
    for (const wrong of ['', ':80', 'ftp:web:21', 'a:b:c:d'])
      assert.equal(parseSchemeNamePort(wrong), undefined)
  })

  test('isLinkLocalOrLoopback', () => {
    for (const address of ['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '0.0.0.0']) {
      assert(isLinkLocalOrLoopback(address), address)
    }
    for (const address of ['10.0.0.1', 'fd00::1', 'host']) assert(!isLinkLocalOrLoopback(address), address)
  })
})
