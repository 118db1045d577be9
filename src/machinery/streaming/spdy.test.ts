import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, constants, createDeflate } from 'node:zlib'
import * as fc from 'fast-check'
import { SpdyConnection, SpdyError, resetStatus, type SpdyOptions, type SpdyStream } from './spdy.ts'
import { SpdyFrameDecoder, encodeFrame, type SpdyFrame } from './spdy-frames.ts'
import { HeaderReader, HeaderWriter, headerDictionary } from './spdy-headers.ts'

interface Pair {
  readonly client: SpdyConnection
  readonly server: SpdyConnection
  /** The most bytes that were ever on the wire to the server. */
  readonly maxInFlight: () => number
}

const wireCapacity = 64 * 1024

/** One direction of a wire: holds back the sender when the receiver asks for a pause. */
function wire(receiver: () => SpdyConnection, note: (bytes: number) => void) {
  const queue: Uint8Array[] = []
  let inFlight = 0
  let room: PromiseWithResolvers<void> | undefined
  let pumping = false
  const pump = async () => {
    pumping = true
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
      await receiver().receive(chunk)
      inFlight -= chunk.length
      if (inFlight < wireCapacity) room?.resolve()
    }
    pumping = false
  }
  return (bytes: Uint8Array): void | Promise<void> => {
    queue.push(bytes)
    inFlight += bytes.length
    note(inFlight)
    if (!pumping) void pump()
    if (inFlight < wireCapacity) return
    room = Promise.withResolvers<void>()
    return room.promise
  }
}

function connect(options: Partial<SpdyOptions> = {}): Pair {
  let maxInFlight = 0
  const note = (bytes: number) => {
    maxInFlight = Math.max(maxInFlight, bytes)
  }
  const client: SpdyConnection = new SpdyConnection({
    ...options,
    role: 'client',
    send: wire(() => server, note),
  })
  const server: SpdyConnection = new SpdyConnection({
    ...options,
    role: 'server',
    send: wire(
      () => client,
      () => {},
    ),
  })
  return { client, server, maxInFlight: () => maxInFlight }
}

/** A pair whose server hands its streams over one by one. */
function connectWithStreams(options: Partial<SpdyOptions> = {}) {
  const offered: SpdyStream[] = []
  let wake: (() => void) | undefined
  const onStream = (stream: SpdyStream) => {
    offered.push(stream)
    wake?.()
  }
  const nextStream = async (): Promise<SpdyStream> => {
    while (offered.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return offered.shift()!
  }
  return { ...connect({ ...options, onStream }), nextStream }
}

async function readAll(stream: SpdyStream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('streams carry headers, bytes and ends both ways', async () => {
  const { client, nextStream } = connectWithStreams()
  const stream = client.openStream({ streamtype: 'stdin', port: '80' })
  const offered = await nextStream()
  assert.deepEqual(offered.headers, { streamtype: 'stdin', port: '80' })
  offered.accept({ ok: 'yes' })
  assert.deepEqual(await stream.accepted, { ok: 'yes' })

  await stream.write(Buffer.from('question'))
  await stream.end()
  assert.equal((await readAll(offered)).toString(), 'question')
  await offered.write(Buffer.from('answer'))
  await offered.end()
  assert.equal((await readAll(stream)).toString(), 'answer')
  assert.deepEqual(await Promise.all([stream.outcome, offered.outcome]), ['ended', 'ended'])
  await assert.rejects(stream.write(Buffer.from('late')), SpdyError)
})

for (const flowControl of [false, true]) {
  test(`10 MB arrive intact at a slow reader, few at a time, with flow control ${flowControl}`, async () => {
    const { client, nextStream, maxInFlight } = connectWithStreams({
      flowControl,
      maxUnreadBytes: 128 * 1024,
    })
    const stream = client.openStream({ streamtype: 'stdout' })
    const offered = await nextStream()
    const block = Buffer.alloc(1024 * 1024, 'abcdefghijklmnopqrstuvwxyz')
    const sending = (async () => {
      for (let index = 0; index < 10; index++) await stream.write(block)
      await stream.end()
    })()
    let received = 0
    let maxUnread = 0
    for await (const chunk of offered) {
      maxUnread = Math.max(maxUnread, offered.unreadBytes)
      assert.ok(
        block
          .subarray(received % block.length)
          .subarray(0, chunk.length)
          .equals(chunk),
      )
      received += chunk.length
      if (received % (256 * 1024) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await sending
    assert.equal(received, 10 * block.length)
    assert.ok(maxUnread <= 192 * 1024, `${maxUnread} bytes were unread`)
    assert.ok(maxInFlight() <= 2 * wireCapacity, `${maxInFlight()} bytes were on the wire`)
  })
}

test('a reader that stands still stops the writer', async () => {
  const { client, nextStream } = connectWithStreams({ maxUnreadBytes: 100_000 })
  const stream = client.openStream({})
  const offered = await nextStream()
  let sent = 0
  const sending = (async () => {
    for (; sent < 100; sent++) await stream.write(Buffer.alloc(32 * 1024))
    await stream.end()
  })()
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(sent < 10, `${sent} blocks were sent`)
  assert.equal((await readAll(offered)).length, 100 * 32 * 1024)
  await sending
})

test('a stream that is discarded does not hold up the others', async () => {
  const { client, nextStream } = connectWithStreams({ maxUnreadBytes: 1000 })
  const noise = client.openStream({ streamtype: 'noise' })
  const offeredNoise = await nextStream()
  offeredNoise.discard()
  const signal = client.openStream({ streamtype: 'signal' })
  const offeredSignal = await nextStream()
  await noise.write(Buffer.alloc(1024 * 1024))
  await signal.write(Buffer.from('here'))
  await signal.end()
  assert.equal((await readAll(offeredSignal)).toString(), 'here')
})

test('reset ends both sides and refuses a stream that was offered', async () => {
  const { client, nextStream } = connectWithStreams()
  const refused = client.openStream({})
  ;(await nextStream()).reset(resetStatus.refusedStream)
  await assert.rejects(refused.accepted, { message: 'the peer reset the stream with status 3' })

  const stream = client.openStream({})
  const offered = await nextStream()
  offered.accept()
  await stream.write(Buffer.from('x'))
  stream.reset()
  assert.equal((await readAll(offered)).toString(), 'x')
  assert.equal(await offered.outcome, 'reset')
  await assert.rejects(offered.write(Buffer.from('y')), SpdyError)
})

test('without a handler every stream is refused', async () => {
  const { client } = connect()
  await assert.rejects(client.openStream({}).accepted, { message: 'the peer reset the stream with status 3' })
})

test('ping answers, and close tells the peer', async () => {
  const closed: string[] = []
  const { client, server, nextStream } = connectWithStreams({
    onClose: (error) => closed.push(String(error)),
  })
  await client.ping()
  await server.ping()
  const stream = client.openStream({})
  const offered = await nextStream()
  server.close()
  assert.equal(await offered.outcome, 'reset')
  assert.equal(await stream.outcome, 'reset')
  assert.throws(() => client.openStream({}), SpdyError)
  client.end(new Error('wire cut'))
  assert.deepEqual(closed, ['undefined', 'Error: wire cut'])
  await client.ping()
})

test('a lost wire ends every stream', async () => {
  const { client, nextStream } = connectWithStreams()
  const stream = client.openStream({})
  await nextStream()
  client.end()
  assert.equal(await stream.outcome, 'lost')
  assert.equal(await stream.read(), undefined)
  await assert.rejects(stream.accepted, SpdyError)
})

test('a wire that fails to send ends the connection', async () => {
  const errors: unknown[] = []
  const client = new SpdyConnection({
    role: 'client',
    send: () => Promise.reject(new Error('broken pipe')),
    onClose: (error) => errors.push(error?.message),
  })
  const stream = client.openStream({})
  assert.equal(await stream.outcome, 'lost')
  assert.deepEqual(errors, ['broken pipe'])
})

test('what is not SPDY/3.1 ends the connection with an error', () => {
  const rows: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from('8002000100000000', 'hex'), /unsupported SPDY version 2/],
    [Buffer.from('8003000100ffffff', 'hex'), /too long/],
    [Buffer.from('800300010000000400000001', 'hex'), /too short/],
    [
      encodeFrame({
        type: 'synStream',
        streamId: 1,
        fin: false,
        headerBlock: Buffer.from('78bbe3c6a7c2ffff', 'hex'),
      }),
      /malformed/,
    ],
  ]
  for (const [bytes, message] of rows) {
    let failure: Error | undefined
    const sent: Uint8Array[] = []
    const server = new SpdyConnection({
      role: 'server',
      send: (chunk) => void sent.push(chunk),
      onStream: (stream) => stream.accept(),
      onClose: (error) => (failure = error),
    })
    void server.receive(bytes)
    assert.match(String(failure), message)
    assert.deepEqual(
      [...new SpdyFrameDecoder().decode(sent[0]!)],
      [{ type: 'goAway', lastStreamId: 0, status: 1 }],
    )
  }
})

test('streams with ids that are not the next are reset', () => {
  const sent: Uint8Array[] = []
  const server = new SpdyConnection({
    role: 'server',
    send: (chunk) => void sent.push(chunk),
    onStream: () => {},
  })
  const headers = new HeaderWriter()
  for (const streamId of [2, 3, 1]) {
    void server.receive(
      encodeFrame({ type: 'synStream', streamId, fin: false, headerBlock: headers.write({}) }),
    )
  }
  assert.deepEqual(
    sent.flatMap((chunk) => [...new SpdyFrameDecoder().decode(chunk)]),
    [
      { type: 'rstStream', streamId: 2, status: 1 },
      { type: 'rstStream', streamId: 1, status: 1 },
    ],
  )
})

const bytes = fc.uint8Array({ maxLength: 40 })
const streamIds = fc.integer({ min: 1, max: 0x7fff_ffff })
const frames: fc.Arbitrary<SpdyFrame> = fc.oneof(
  fc.record({ type: fc.constant('data' as const), streamId: streamIds, data: bytes, fin: fc.boolean() }),
  fc.record({
    type: fc.constantFrom('synStream' as const, 'synReply' as const, 'headers' as const),
    streamId: streamIds,
    fin: fc.boolean(),
    headerBlock: bytes,
  }),
  fc.record({ type: fc.constant('rstStream' as const), streamId: streamIds, status: fc.nat(11) }),
  fc.record({ type: fc.constant('ping' as const), id: fc.nat() }),
  fc.record({ type: fc.constant('goAway' as const), lastStreamId: streamIds, status: fc.nat(2) }),
  fc.record({ type: fc.constant('windowUpdate' as const), streamId: fc.nat(), delta: fc.nat() }),
  fc
    .array(fc.tuple(fc.nat(9), fc.nat()))
    .map((entries) => ({ type: 'settings' as const, settings: new Map(entries) })),
)

/** Comparable: bytes as lists. */
function plain(frame: SpdyFrame): unknown {
  if (frame.type === 'data') return { ...frame, data: [...frame.data] }
  return 'headerBlock' in frame ? { ...frame, headerBlock: [...frame.headerBlock] } : { ...frame }
}

test('frames survive encoding and decoding', () => {
  fc.assert(
    fc.property(fc.array(frames), (list) => {
      const decoder = new SpdyFrameDecoder()
      const decoded = [...decoder.decode(Buffer.concat(list.map(encodeFrame)))]
      assert.deepEqual(decoded.map(plain), list.map(plain))
    }),
  )
})

test('frames survive being cut anywhere', () => {
  fc.assert(
    fc.property(fc.array(frames), fc.integer({ min: 1, max: 30 }), (list, size) => {
      const decoder = new SpdyFrameDecoder()
      const wire = Buffer.concat(list.map(encodeFrame))
      const decoded: SpdyFrame[] = []
      for (let start = 0; start < wire.length; start += size) {
        decoded.push(...decoder.decode(wire.subarray(start, start + size)))
      }
      const content = (parts: readonly SpdyFrame[]) =>
        parts.map((frame) => (frame.type === 'data' ? [...frame.data] : frame.type)).flat()
      assert.deepEqual(content(decoded), content(list))
    }),
  )
})

test('header blocks survive, one after the other', () => {
  const names = fc.stringMatching(/^[a-z-]{1,12}$/)
  const headers = fc.dictionary(
    names,
    fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.array(headers), (list) => {
      const writer = new HeaderWriter()
      const reader = new HeaderReader()
      for (const expected of list) assert.deepEqual(reader.read(writer.write(expected)), expected)
    }),
  )
})

test('header blocks larger than a stored block survive', () => {
  const headers = { large: 'x'.repeat(100_000) }
  assert.deepEqual(new HeaderReader().read(new HeaderWriter().write(headers)), headers)
})

/** What a peer sends that really compresses: one stream, flushed after each block. */
async function compressed(blocks: readonly Buffer[], dictionary?: Buffer): Promise<Buffer[]> {
  const deflate = createDeflate({ ...(dictionary && { dictionary }) })
  const output: Buffer[] = []
  let current: Buffer[] = []
  deflate.on('data', (chunk: Buffer) => current.push(chunk))
  for (const block of blocks) {
    deflate.write(block)
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    output.push(Buffer.concat(current))
    current = []
  }
  return output
}

function plainBlock(headers: Record<string, string>): Buffer {
  const parts = [Object.keys(headers).length, ...Object.entries(headers).flat()].map((part) => {
    const text = Buffer.from(typeof part === 'string' ? part : '')
    const number = Buffer.alloc(4)
    number.writeUInt32BE(typeof part === 'string' ? text.length : part)
    return Buffer.concat([number, text])
  })
  return Buffer.concat(parts)
}

test('HeaderReader follows a compressing peer over many blocks, with and without the dictionary', async () => {
  const list = Array.from({ length: 200 }, (_, index) => ({
    streamtype: 'data',
    port: '8080',
    requestid: String(index),
  }))
  for (const dictionary of [headerDictionary, undefined]) {
    const reader = new HeaderReader()
    const blocks = await compressed(list.map(plainBlock), dictionary)
    blocks.forEach((block, index) => assert.deepEqual(reader.read(block), list[index]))
  }
})

test('HeaderReader refuses blocks that inflate beyond reason', () => {
  const bomb = deflateSync(Buffer.alloc(10 * 1024 * 1024), { dictionary: headerDictionary })
  assert.throws(() => new HeaderReader().read(bomb), RangeError)
})

test('HeaderReader joins values that were sent several times', () => {
  assert.deepEqual(new HeaderReader().read(new HeaderWriter().write({ a: 'x\0y' })), { a: 'x, y' })
})
