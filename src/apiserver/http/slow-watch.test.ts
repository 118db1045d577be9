import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants, type ClientHttp2Stream } from 'node:http2'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Entry } from '../../store/store.ts'
import { maxQueuedEvents } from '../storage/watcher.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testToken, type TestServer } from '../testing/test-server.ts'

const path = '/api/v1/namespaces/default/configmaps'
const key = '/registry/core/configmaps/default/changing'
/** More than the buffers of every connection on the way take, and what may wait behind them. */
const mostChanges = 10 * maxQueuedEvents
const changesPerTurn = 50

let testServer: TestServer
let client: HttpsClient

before(async () => {
  testServer = await startTestServer()
  client = new HttpsClient(testServer)
  const body = { metadata: { name: 'changing' }, data: { text: 'x'.repeat(2000) } }
  await client.send(path, { method: 'POST', body })
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

interface Reader {
  readonly stream: ClientHttp2Stream
  events: number
}

/** Somebody who reads what comes, and counts it. */
async function readingClient(): Promise<Reader> {
  const stream = client.session.request(watchHeaders())
  const reader: Reader = { stream, events: 0 }
  stream.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) reader.events++
  })
  await once(stream, 'response')
  return reader
}

function watchHeaders() {
  return { ':path': `${path}?watch=true`, authorization: `Bearer ${testToken}` }
}

/** The sum over all series of a metric that have this in their labels. */
async function metric(name: string, label: string): Promise<number> {
  const { text } = await client.send('/metrics')
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

const cutOff = () => metric('apiserver_terminated_watchers_total', 'resource="configmaps"')
const served = () => metric('apiserver_longrunning_requests', 'verb="WATCH"')

/** Changes the object until the server has cut a watch off. Returns how many changes that took. */
async function changeUntilCutOff(reader: Reader): Promise<number> {
  const { store } = testServer
  const before = await cutOff()
  let entry: Entry = (await store.get(key))!
  for (let changes = 0; changes < mostChanges;) {
    for (let index = 0; index < changesPerTurn; index++, changes++) {
      entry = await store.update(key, entry.value, entry.revision)
    }
    await nextTurn()
    while (reader.events < changes) await once(reader.stream, 'data')
    if (changes % 1000 === 0 && (await cutOff()) > before) return changes
  }
  throw new Error(`no watch was cut off by ${mostChanges} changes`)
}

/** What must hold once the watch that nobody reads is cut off. */
async function checkOthers(reader: Reader, changes: number): Promise<void> {
  assert.ok(changes > maxQueuedEvents, `cut off after ${changes} changes`)
  while ((await served()) > 1) await nextTurn()
  assert.equal(reader.stream.closed, false, 'who reads goes on')
  const ended = once(reader.stream, 'close')
  reader.stream.close()
  await ended
  while ((await served()) > 0) await nextTurn()
}

test('a watch over HTTP/2 that nobody reads is cut off, and no other request of its connection', async () => {
  const reader = await readingClient()
  const stream = client.session.request(watchHeaders())
  // Errors of a stream that is cut off.
  stream.on('error', () => {})
  await once(stream, 'response')
  const closed = once(stream, 'close')
  const changes = await changeUntilCutOff(reader)
  await closed
  assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
  await checkOthers(reader, changes)
})

test('a watch over HTTP/2 is cut off whose whole connection nobody reads', async () => {
  const reader = await readingClient()
  const socket = await connected('h2')
  socket.write(http2Request(watchHeaders()))
  await paused(socket)
  const changes = await changeUntilCutOff(reader)
  await checkOthers(reader, changes)
  socket.destroy()
})

test('a watch over HTTP/1.1 that nobody reads is cut off with its connection', async () => {
  const reader = await readingClient()
  const socket = await connected('http/1.1')
  const { ':path': target, authorization } = watchHeaders()
  socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n\r\n`)
  await paused(socket)
  const changes = await changeUntilCutOff(reader)
  await checkOthers(reader, changes)
  let read = ''
  socket.on('data', (chunk: Buffer) => (read = chunk.toString('latin1')))
  socket.resume()
  await once(socket, 'close')
  assert.ok(!read.endsWith('\r\n0\r\n\r\n'), 'the client can tell that this was not the end')
})

async function connected(protocol: string): Promise<TLSSocket> {
  const { certificateAuthority: ca, server } = testServer
  const socket = connectTls({ host: '127.0.0.1', port: server.port, ca, ALPNProtocols: [protocol] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** Resolves when the watch has begun; from then on nothing is read. */
async function paused(socket: TLSSocket): Promise<void> {
  socket.resume()
  while ((await served()) < 2) await nextTurn()
  socket.pause()
}

/** As RFC 9113 and RFC 7541 have it: a GET whose answer may be as long as it likes. */
function http2Request(headers: Readonly<Record<string, string>>): Buffer {
  const all = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost', ...headers }
  const fields = Object.entries(all).flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
  const [window, initialWindowSize, endOfHeadersAndStream] = [0x7fff_0000, 4, 0x5]
  const windowUpdate = Buffer.alloc(4)
  windowUpdate.writeUInt32BE(window)
  const setting = Buffer.alloc(6)
  setting.writeUInt16BE(initialWindowSize)
  setting.writeUInt32BE(window, 2)
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame({ type: 4, stream: 0, payload: setting }),
    frame({ type: 8, stream: 0, payload: windowUpdate }),
    frame({ type: 1, flags: endOfHeadersAndStream, stream: 1, payload: Buffer.concat(fields) }),
  ])
}

function frame({ type = 0, flags = 0, stream = 0, payload = Buffer.alloc(0) }): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
