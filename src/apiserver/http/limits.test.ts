import assert from 'node:assert/strict'
import { once, type EventEmitter } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { HttpsClient, type TestResponse } from '../testing/https-client.ts'
import { startTestServer, testToken, type TestServer } from '../testing/test-server.ts'
import { InFlight } from './in-flight.ts'
import { listen, type Patience } from './listen.ts'

const path = '/api/v1/namespaces/default/configmaps'

let testServer: TestServer
let client: HttpsClient
/** Somebody who has nothing to do with it. */
let bystander: HttpsClient
describe('limits', () => {
  before(async () => {
    testServer = await startTestServer()
    client = new HttpsClient(testServer)
    bystander = new HttpsClient(testServer)
    await client.send(path, { method: 'POST', body: { metadata: { name: 'a' } } })
  })
  let undisturbed: HttpsClient['session']

  beforeEach(async () => {
    await bystander.send(`${path}/a`)
    undisturbed = bystander.session
  })
  afterEach(async () => {
    assert.equal((await bystander.send(`${path}/a`)).status, 200, 'others go on')
    assert.equal(bystander.session, undisturbed, 'on the same connection')
  })
  after(async () => {
    client.close()
    bystander.close()
    await testServer[Symbol.asyncDispose]()
  })

  function nested(open: string, levels: number, close: string): string {
    return open.repeat(levels) + close.repeat(levels)
  }

  function aliasBomb(): string {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 12; level++) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join()}]`)
    }
    return lines.join('\n')
  }

  const asYaml = { 'content-type': 'application/yaml' }
  const asJsonPatch = { 'content-type': 'application/json-patch+json' }
  const asMergePatch = { 'content-type': 'application/merge-patch+json' }
  const asStrategicPatch = { 'content-type': 'application/strategic-merge-patch+json' }
  const asApply = { 'content-type': 'application/apply-patch+yaml' }
  const deepValue = `{"x":${nested('[', 500_000, ']')}}`
  const copies = [
    { op: 'add', path: '/x', value: { a: [1] } },
    ...Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/x', path: `/x/c${index}` })),
  ]

  const refusals: readonly (readonly [string, () => Promise<TestResponse>, number, RegExp])[] = [
    [
      'a body of more than 3 MB, by its length',
      () =>
        client.send1(path, { method: 'POST', body: JSON.stringify({ data: { a: 'x'.repeat(3_200_000) } }) }),
      413,
      /^Request entity too large: limit is 3145728$/,
    ],
    [
      'a body of more than 3 MB, as it comes',
      () =>
        client.send(path, { method: 'POST', body: JSON.stringify({ data: { a: 'x'.repeat(3_200_000) } }) }),
      413,
      /^Request entity too large: limit is 3145728$/,
    ],
    [
      'an object of more than 1.5 MB',
      () =>
        client.send('/apis/apps/v1/namespaces/default/controllerrevisions', {
          method: 'POST',
          body: { metadata: { name: 'big' }, revision: 1, data: { a: 'x'.repeat(1_600_000) } },
        }),
      500,
      /^etcdserver: request is too large$/,
    ],
    [
      'deep JSON',
      () => client.send(path, { method: 'POST', body: `{"x":${nested('[', 1_400_000, ']')}}` }),
      400,
      /exceeded max depth$/,
    ],
    [
      'deep JSON that does not end',
      () => client.send(path, { method: 'POST', body: '['.repeat(1_400_000) }),
      400,
      /exceeded max depth/,
    ],
    [
      'deep YAML',
      () => client.send(path, { method: 'POST', headers: asYaml, body: `x: ${nested('[', 100_000, ']')}` }),
      400,
      /nesting exceeded maxDepth/,
    ],
    [
      'aliases that multiply',
      () => client.send(path, { method: 'POST', headers: asYaml, body: aliasBomb() }),
      400,
      /document contains excessive aliasing/,
    ],
    [
      'a deep merge patch',
      () => client.send(`${path}/a`, { method: 'PATCH', headers: asMergePatch, body: deepValue }),
      400,
      /^error decoding patch: exceeded max depth$/,
    ],
    [
      'a deep strategic merge patch',
      () => client.send(`${path}/a`, { method: 'PATCH', headers: asStrategicPatch, body: deepValue }),
      400,
      /^exceeded max depth$/,
    ],
    [
      'a deep JSON patch',
      () =>
        client.send(`${path}/a`, {
          method: 'PATCH',
          headers: asJsonPatch,
          body: `[{"op":"add","path":"/x","value":${deepValue}}]`,
        }),
      400,
      /^error decoding patch: exceeded max depth$/,
    ],
    [
      'aliases that multiply in an apply',
      () => client.send(`${path}/a?fieldManager=x`, { method: 'PATCH', headers: asApply, body: aliasBomb() }),
      400,
      /^error decoding YAML: yaml: document contains excessive aliasing$/,
    ],
    [
      'a JSON patch of more than 10,000 operations',
      () =>
        client.send(`${path}/a`, {
          method: 'PATCH',
          headers: asJsonPatch,
          body: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' })),
        }),
      413,
      /^Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001$/,
    ],
    [
      'a JSON patch that copies its copies',
      () => client.send(`${path}/a`, { method: 'PATCH', headers: asJsonPatch, body: copies }),
      422,
      /^the server rejected our request due to an error in our request$/,
    ],
  ]

  for (const [name, send, status, message] of refusals) {
    test(`limits: ${name} is refused`, async () => {
      const response = await send()
      assert.equal(response.status, status, response.text.slice(0, 500))
      const told = response.json as { message: string; reason?: string }
      assert.match(told.message, message)
      assert.notEqual(told.reason, '', 'a Status without reason has none')
    })
  }

  test('limits: 10,000 operations and long selectors are carried out', async () => {
    const operations = Array.from({ length: 10_000 }, () => ({
      op: 'test',
      path: '/kind',
      value: 'ConfigMap',
    }))
    const patched = await client.send(`${path}/a`, {
      method: 'PATCH',
      headers: asJsonPatch,
      body: operations,
    })
    assert.equal(patched.status, 200)
    const selector = Array.from({ length: 5_000 }, (_, index) => `k${index}!=v`).join()
    for (const send of [client.send.bind(client), client.send1.bind(client)]) {
      const list = await send(`${path}?labelSelector=${encodeURIComponent(selector)}`)
      assert.equal(list.status, 200, list.text.slice(0, 200))
      assert.equal((list.json as { items: readonly unknown[] }).items.length, 1)
    }
  })

  async function http1(): Promise<TLSSocket> {
    const socket = connectTls({
      port: testServer.server.port,
      host: '127.0.0.1',
      ca: testServer.certificateAuthority,
    })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }

  /** As `once`, whatever error comes before. */
  function closed(of: EventEmitter): Promise<void> {
    return new Promise((resolve) => void of.once('close', () => resolve()))
  }

  async function textOf(socket: TLSSocket): Promise<string> {
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    if (!socket.closed) await closed(socket)
    return text
  }

  test('limits: more than 1 MB of headers is 431 over HTTP/1.1', async () => {
    const socket = await http1()
    const answer = textOf(socket)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n`)
    for (let index = 0; index < 1_200 && socket.writable; index++) {
      socket.write(`x-${index}: ${'y'.repeat(1000)}\r\n`)
    }
    socket.write('\r\n')
    assert.match(await answer, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  })

  test('limits: what is no HTTP is 400', async () => {
    const socket = await http1()
    const answer = textOf(socket)
    socket.write('\0\x01 nothing\r\n\r\n')
    assert.match(await answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
  })

  /** A frame of HTTP/2 (RFC 9113, 4.1). */
  function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }

  async function http2(): Promise<TLSSocket> {
    const socket = connectTls({
      port: testServer.server.port,
      host: '127.0.0.1',
      ca: testServer.certificateAuthority,
      ALPNProtocols: ['h2'],
    })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(frame(4, 0, 0, Buffer.alloc(0)))
    return socket
  }

  const frames = { headers: 1, settings: 4, ping: 6, continuation: 9 }
  const floods: readonly (readonly [string, () => Buffer])[] = [
    [
      'CONTINUATION frames',
      () =>
        Buffer.concat(Array.from({ length: 1000 }, () => frame(frames.continuation, 0, 1, Buffer.alloc(0)))),
    ],
    [
      'pings whose answers nobody reads',
      () => Buffer.concat(Array.from({ length: 2000 }, () => frame(frames.ping, 0, 0, Buffer.alloc(8)))),
    ],
    [
      'settings whose answers nobody reads',
      () => Buffer.concat(Array.from({ length: 2000 }, () => frame(frames.settings, 0, 0, Buffer.alloc(0)))),
    ],
  ]

  for (const [name, flood] of floods) {
    test(`limits: a flood of ${name} ends its connection`, async () => {
      const socket = await http2()
      socket.pause()
      if (name.startsWith('CONTINUATION')) socket.write(frame(frames.headers, 0, 1, Buffer.from([0x82])))
      const piece = flood()
      const end = closed(socket)
      for (let written = 0; written < 64 * 2 ** 20 && !socket.closed; written += piece.length) {
        if (!socket.write(piece))
          await Promise.race([once(socket, 'drain').catch(() => {}), end, nextSecond()])
        if (socket.writableLength > 16 * 2 ** 20) break
      }
      const served = await bystander.send(`${path}/a`)
      assert.equal(served.status, 200)
      socket.resume()
      if (!socket.closed) socket.destroy()
    })
  }

  /** A flood that the server does not read any more is over, too. */
  function nextSecond(): Promise<void> {
    return new Promise((resolve) => void systemClock.after(1000, resolve))
  }

  test('limits: a client that opens streams only to reset them loses its connection', async () => {
    const session = connectHttp2(testServer.url, { ca: testServer.certificateAuthority })
    session.on('error', () => {})
    await once(session, 'connect')
    const ended = closed(session)
    for (let index = 0; index < 20_000 && !session.closed; index++) {
      const stream = session.request({ ':path': `${path}/a`, authorization: `Bearer ${testToken}` })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await ended
  })

  test('limits: 250 watches share a connection', async () => {
    const session = connectHttp2(testServer.url, { ca: testServer.certificateAuthority })
    const streams = Array.from({ length: 250 }, () =>
      session.request({ ':path': `${path}?watch=1`, authorization: `Bearer ${testToken}` }),
    )
    await Promise.all(
      streams.map(async (stream) => {
        const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
        assert.equal(headers[':status'], 200)
      }),
    )
    session.destroy()
  })

  /** A listener of its own, and how to reach it. */
  async function aListener(patience: Patience) {
    const authority = createCertificateAuthority({ commonName: 'slow', now: systemClock.now() })
    const certificate = issueCertificate(authority, {
      commonName: 'slow server',
      names: { dnsNames: [], ipAddresses: ['127.0.0.1'] },
      usages: ['server auth', 'digital signature'],
      now: systemClock.now(),
    })
    const listener = await listen({
      address: '127.0.0.1',
      port: 0,
      tls: { certificate: certificate.certificatePem, key: certificate.privateKeyPem },
      handle: () => Promise.resolve({ status: 200, headers: {}, body: Buffer.from('served') }),
      inFlight: new InFlight(),
      patience,
      clock: systemClock,
      log: silentLogger,
    })
    return { listener, tls: { port: listener.port, host: '127.0.0.1', ca: authority.certificatePem } }
  }

  test('limits: heads that do not come and connections that rest are closed', async () => {
    const { listener, tls } = await aListener({ headMs: 200, idleMs: 200 })
    const slow = connectTls(tls)
    slow.on('error', () => {})
    slow.write('GET / HTTP/1.1\r\nHost: x\r\n')
    const resting = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca: tls.ca })
    const stream = resting.request({ ':path': '/' })
    stream.resume()
    await Promise.all([closed(slow), closed(resting)])
    await listener.close(1000)
  })

  test('limits: closing waits for nobody who has not finished the handshake', async () => {
    const { listener, tls } = await aListener({ headMs: 60_000, idleMs: 60_000 })
    const silent = connectTcp(tls.port, tls.host)
    const half = connectTcp({ port: tls.port, host: tls.host, allowHalfOpen: true })
    for (const socket of [silent, half]) socket.on('error', () => {})
    await Promise.all([once(silent, 'connect'), once(half, 'connect')])
    // The head of a handshake record, and no more.
    half.end(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
    // Whoever connects later is accepted later.
    const seen = connectTls(tls)
    await once(seen, 'secureConnect')
    seen.on('error', () => {})
    const gone = Promise.all([once(silent, 'close'), once(half, 'close'), closed(seen)])
    silent.resume()
    half.resume()
    await listener.close(50)
    await gone
  })

  test('limits: a body that does not come is given up, and the connection with it', async () => {
    const socket = await http1()
    const answer = textOf(socket)
    const head = [
      `POST ${path}?timeout=1s HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${testToken}`,
      'Content-Type: application/json',
      'Content-Length: 1000',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n{`)
    const text = await answer
    assert.match(text, /^HTTP\/1\.1 504 Gateway Timeout\r\n/)
    assert.match(text, /"reason":"Timeout"/)
    const stream = client.session.request({
      ':method': 'POST',
      ':path': `${path}?timeout=1s`,
      authorization: `Bearer ${testToken}`,
      'content-type': 'application/json',
    })
    stream.on('error', () => {})
    stream.write('{')
    stream.resume()
    await closed(stream)
  })

  test('limits: what is too large only with its managedFields is stored without them', async () => {
    const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions'
    const annotations = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`key-${index}`, 'v']))
    const room = 1_572_864 - JSON.stringify(annotations).length - 2_000
    const body = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'fits', annotations },
      revision: 1,
      data: { a: 'x'.repeat(room) },
    }
    const created = await client.send(revisions, { method: 'POST', body })
    assert.equal(created.status, 201, created.text.slice(0, 200))
    const { metadata } = created.json as { metadata: { managedFields?: unknown } }
    assert.equal(metadata.managedFields, undefined)
    const applied = await client.send(`${revisions}/fits?fieldManager=x&force=true`, {
      method: 'PATCH',
      headers: asApply,
      body: { ...body, revision: 2 },
    })
    assert.equal(String(applied.json['message']).slice(0, 100), 'etcdserver: request is too large')
    const merge = { metadata: { annotations: { more: 'v' } } }
    const patched = await client.send(`${revisions}/fits`, {
      method: 'PATCH',
      headers: asMergePatch,
      body: merge,
    })
    assert.equal(patched.status, 200, patched.text.slice(0, 200))
  })
})
