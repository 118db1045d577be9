import assert from 'node:assert/strict'
import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger, type LogFields } from '../../machinery/log.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import {
  isGone,
  isNotFound,
  isServiceUnavailable,
  isTimeout,
  isTooManyRequests,
} from '../../machinery/status-errors.ts'
import type { StatusError } from '../../machinery/status.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createHttpClient, type HttpClientOptions } from './http-client.ts'

const widgets: Resource = {
  group: 'example.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Answer = (stream: ServerHttp2Stream, seen: Seen) => void

/** An HTTP/2 server whose answers the test gives. */
async function startServer(answer: Answer) {
  const server = createServer()
  const sessions: ServerHttp2Session[] = []
  const requests: Seen[] = []
  server.on('session', (session) => sessions.push(session))
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const { ':method': method = '', ':path': path = '' } = headers
      const seen = { method, path, headers, body: Buffer.concat(chunks).toString() }
      requests.push(seen)
      answer(stream, seen)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const clients: { close(): void }[] = []
  after(() => {
    for (const client of clients) client.close()
    for (const session of sessions) session.destroy()
    server.close()
  })
  return {
    sessions,
    sockets,
    requests,
    client(options: Partial<HttpClientOptions> = {}) {
      const client = createHttpClient({ server: `http://127.0.0.1:${port}`, ...options })
      clients.push(client)
      return client
    },
  }
}

function respond(
  stream: ServerHttp2Stream,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  stream.respond({ ':status': code, ...headers })
  stream.end(typeof body === 'string' ? body : JSON.stringify(body))
}

const widget = (name: string): KubernetesObject => ({ metadata: { name, namespace: 'default' } })

void describe('createHttpClient', () => {
  void it('sends each call where and how the API server expects it', async () => {
    const { client: connect, requests } = await startServer((stream) => respond(stream, 200, { items: [] }))
    const client = connect({
      token: 'secret',
      userAgent: 'test/1',
      impersonate: { user: 'jane', groups: ['a', 'b'], extra: { 'example.com/Scope': ['x'] } },
    })
    const name = { namespace: 'default', name: 'a b' }
    await client.get(widgets, name, { resourceVersion: '0' })
    await client.list(widgets, { labelSelector: 'app=web', limit: 5 })
    await client.create(widgets, widget('w'), { dryRun: 'All' })
    await client.update(widgets, widget('w'), { subresource: 'status' })
    await client.patch(widgets, name, { type: 'json', operations: [] })
    await client.patch(
      widgets,
      name,
      { type: 'apply', body: widget('w') },
      { fieldManager: 'me', force: true },
    )
    await client.delete(widgets, name, { propagationPolicy: 'Foreground' })
    await client.deleteCollection(widgets, { namespace: 'n', labelSelector: 'a', gracePeriodSeconds: 0 })
    await client.createSubresource(widgets, name, 'scale', {})
    await client.raw('/readyz')
    const base = '/apis/example.com/v1'
    const item = `${base}/namespaces/default/widgets/a%20b`
    assert.deepEqual(
      requests.map(({ method, path }) => `${method} ${path}`),
      [
        `GET ${item}?resourceVersion=0`,
        `GET ${base}/widgets?labelSelector=app%3Dweb&limit=5`,
        `POST ${base}/namespaces/default/widgets?dryRun=All`,
        `PUT ${base}/namespaces/default/widgets/w/status`,
        `PATCH ${item}`,
        `PATCH ${item}?fieldManager=me&force=true`,
        `DELETE ${item}`,
        `DELETE ${base}/namespaces/n/widgets?labelSelector=a`,
        `POST ${item}/scale`,
        'GET /readyz',
      ],
    )
    const deletion = { apiVersion: 'v1', kind: 'DeleteOptions' }
    assert.deepEqual(JSON.parse(requests[2]!.body), {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      ...widget('w'),
    })
    assert.equal(requests[4]!.headers['content-type'], 'application/json-patch+json')
    assert.equal(requests[5]!.headers['content-type'], 'application/apply-patch+yaml')
    assert.deepEqual(JSON.parse(requests[6]!.body), { ...deletion, propagationPolicy: 'Foreground' })
    assert.deepEqual(JSON.parse(requests[7]!.body), { ...deletion, gracePeriodSeconds: 0 })
    const { headers } = requests[0]!
    assert.equal(headers.authorization, 'Bearer secret')
    assert.equal(headers['user-agent'], 'test/1')
    assert.equal(headers['impersonate-user'], 'jane')
    assert.equal(headers['impersonate-group'], 'a, b')
    assert.equal(headers['impersonate-extra-example.com%2fscope'], 'x')
  })

  void it('gives the items of a list their type', async () => {
    const { client } = await startServer((stream) => respond(stream, 200, { items: [widget('w')] }))
    const { items } = await client().list(widgets)
    assert.deepEqual(items, [{ apiVersion: 'example.com/v1', kind: 'Widget', ...widget('w') }])
  })

  void it('throws the Status of the answer, or makes one of its text', async () => {
    const { client: connect } = await startServer((stream, { path }) =>
      path.endsWith('/a')
        ? respond(stream, 404, { kind: 'Status', reason: 'NotFound', code: 404, message: 'no a' })
        : respond(stream, 502, 'Bad gateway'),
    )
    const client = connect()
    await assert.rejects(client.get(widgets, { name: 'a' }), (error: Error) => {
      return isNotFound(error) && error.message === 'no a'
    })
    await assert.rejects(client.get(widgets, { name: 'b' }), (error: StatusError) => {
      return error.status.code === 502 && error.status.details?.causes?.[0]?.message === 'Bad gateway'
    })
  })

  void it('comes again when the server asks for it, and not otherwise', async () => {
    let count = 0
    const { client: connect, requests } = await startServer((stream, { path }) => {
      if (path.endsWith('/never')) return respond(stream, 429, 'busy')
      return count++ < 2 ? respond(stream, 429, 'busy', { 'retry-after': '1' }) : respond(stream, 201, {})
    })
    const clock = fakeClock()
    const client = connect({ clock })
    const created = client.create(widgets, widget('w'))
    while (requests.length < 3) {
      await new Promise((resolve) => setImmediate(resolve))
      if (clock.pending > 0 && requests.length > 0) await clock.advance(1000)
    }
    await created
    await assert.rejects(client.get(widgets, { name: 'never' }), isTooManyRequests)
    assert.equal(requests.length, 4)
  })

  void it('fails as unavailable when nobody listens, and as timed out when nobody answers', async () => {
    const { client: connect } = await startServer(() => {})
    const nobody = createHttpClient({ server: 'http://127.0.0.1:1' })
    await assert.rejects(nobody.get(widgets, { name: 'w' }), isServiceUnavailable)
    await assert.rejects(connect({ requestTimeoutMs: 20 }).get(widgets, { name: 'w' }), isTimeout)
  })

  void it('rejects with the reason of the signal', async () => {
    const { client: connect } = await startServer(() => {})
    const abort = new AbortController()
    const list = connect().list(widgets, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await assert.rejects(list, /enough/)
  })

  void it('goes on over a new connection after GOAWAY and after the connection is cut', async () => {
    const { client: connect, sessions } = await startServer((stream) => respond(stream, 200, {}))
    const client = connect()
    await client.get(widgets, { name: 'w' })
    sessions[0]!.close()
    await client.get(widgets, { name: 'w' })
    sessions[1]!.destroy()
    await client.get(widgets, { name: 'w' })
    assert.equal(sessions.length, 3)
  })

  void it('gives up a connection that does not answer pings', async () => {
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
    const sockets: Socket[] = []
    const server = createTcpServer((socket) => {
      sockets.push(socket.on('error', () => {}))
      socket.write(settings)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const clock = fakeClock()
    const client = createHttpClient({ server: `http://127.0.0.1:${port}`, clock, requestTimeoutMs: 1e9 })
    const answer = assert.rejects(client.create(widgets, widget('w')), /no answer to a ping within 15000 ms/)
    while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(45_000)
    await answer
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  void it('logs warnings of the API server, each once', async () => {
    const warnings = [
      '299 - "old: \\"x\\", gone in v1.40"',
      '299 agent "caf\u00c3\u00a9"',
      '214 - "other"',
    ].join(', ')
    const { client } = await startServer((stream, { method }) =>
      respond(stream, method === 'GET' ? 200 : 422, {}, { warning: warnings }),
    )
    const logged: unknown[] = []
    const warn = (message: string, fields?: LogFields) => logged.push([message, fields])
    const { get, create } = client({ log: { ...silentLogger, warn } })
    await get(widgets, { name: 'w' })
    assert.deepEqual(logged, [
      ['the API server warns', { warning: 'old: "x", gone in v1.40' }],
      ['the API server warns', { warning: 'café' }],
    ])
    await get(widgets, { name: 'w' })
    await assert.rejects(create(widgets, widget('w')))
    assert.equal(logged.length, 2)
  })

  void it('opens another connection when all streams of one are taken', async () => {
    const held: ServerHttp2Stream[] = []
    const { client: connect, sessions } = await startServer((stream) => held.push(stream))
    const client = connect({ maxSessions: 2 })
    const first = client.get(widgets, { name: 'w' })
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    sessions[0]!.settings({ maxConcurrentStreams: 1 })
    await new Promise<void>((resolve) => sessions[0]!.once('localSettings', () => resolve()))
    const second = client.get(widgets, { name: 'w' })
    while (held.length === 1) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(sessions.length, 2)
    for (const stream of held) respond(stream, 200, {})
    await Promise.all([first, second])
  })
})

void describe('createHttpClient watch', () => {
  const event = (type: string, name: string) => JSON.stringify({ type, object: widget(name) })

  void it('yields events however they are cut, and is done when the server ends', async () => {
    const { client, requests } = await startServer((stream) => {
      stream.respond({ ':status': 200 })
      stream.write(`${event('ADDED', 'a')}\n${event('MODIFIED', 'b').slice(0, 20)}`)
      setImmediate(() => stream.end(`${event('MODIFIED', 'b').slice(20)}\n`))
    })
    const { signal } = new AbortController()
    const got: string[] = []
    for await (const { type, object } of client().watch(widgets, { signal, resourceVersion: '7' })) {
      got.push(`${type} ${object.metadata?.name}`)
    }
    assert.deepEqual(got, ['ADDED a', 'MODIFIED b'])
    assert.equal(requests[0]!.path, '/apis/example.com/v1/widgets?watch=true&resourceVersion=7')
  })

  void it('throws what an ERROR event says', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }
    const { client } = await startServer((stream) =>
      respond(stream, 200, `${JSON.stringify({ type: 'ERROR', object: status })}\n`),
    )
    const { signal } = new AbortController()
    await assert.rejects(client().watch(widgets, { signal })[Symbol.asyncIterator]().next(), (error) => {
      return !isGone(error) && (error as Error).message === 'too old'
    })
  })

  void it('is done when the signal aborts, and cancels the stream when the reader leaves', async () => {
    const closed: number[] = []
    const { client: connect } = await startServer((stream) => {
      stream.respond({ ':status': 200 })
      stream.write(`${event('ADDED', 'a')}\n`)
      stream.on('close', () => closed.push(stream.rstCode))
    })
    const client = connect()
    const abort = new AbortController()
    for await (const _ of client.watch(widgets, { signal: abort.signal })) abort.abort()
    for await (const _ of client.watch(widgets, { signal: new AbortController().signal })) break
    while (closed.length < 2) await new Promise((resolve) => setImmediate(resolve))
  })

  void it('throws when the connection is lost', async () => {
    const { client, sockets } = await startServer((stream) => {
      stream.respond({ ':status': 200 })
      stream.write(`${event('ADDED', 'a')}\n`)
    })
    const { signal } = new AbortController()
    const watching = async () => {
      for await (const _ of client().watch(widgets, { signal })) sockets[0]!.resetAndDestroy()
    }
    await assert.rejects(watching(), isServiceUnavailable)
  })

  void it('holds the server back while the reader is busy', async () => {
    const line = `${JSON.stringify({ type: 'ADDED', object: { padding: 'x'.repeat(1 << 20) } })}\n`
    let written = 0
    const { client } = await startServer((stream) => {
      stream.respond({ ':status': 200 })
      const pump = () => {
        while (written < 64 && stream.write(line)) written++
        if (written++ < 64) stream.once('drain', pump)
        else stream.end()
      }
      pump()
    })
    const iterator = client().watch(widgets, { signal: new AbortController().signal })[Symbol.asyncIterator]()
    await iterator.next()
    const before = systemClock.monotonic()
    while (systemClock.monotonic() - before < 100) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(written < 32, `${written} MiB were taken`)
    await iterator.return!()
  })
})
