import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { decode, encode, type Answer, type DecodedPacket, type Packet } from 'dns-packet'
import { systemClock } from '../machinery/clock.ts'
import { silentLogger } from '../machinery/log.ts'
import { responseCodes, type Resolution } from './response.ts'
import type { Resolver } from './resolver.ts'
import { startDnsServer } from './server.ts'

type Answering = Pick<Resolver, 'resolve'>

const many: Answer[] = Array.from({ length: 100 }, (_, index) => {
  return { type: 'A', name: 'many.test', ttl: 5, data: `10.0.0.${index}` }
})

const resolver: Answering = {
  resolve({ name }): Resolution {
    const answers = name === 'many.test' ? many : many.slice(0, 1)
    return { code: responseCodes.noError, authoritative: true, answers, authorities: [], additionals: [] }
  },
}

async function serve(t: TestContext, resolve: Answering = resolver) {
  const server = await startDnsServer({
    address: '127.0.0.1',
    port: 0,
    resolver: resolve,
    log: silentLogger,
    clock: systemClock,
  })
  t.after(() => server.close())
  return server
}

async function askUdp(t: TestContext, port: number, packet: Packet): Promise<DecodedPacket> {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send(encode(packet), port, '127.0.0.1')
  const [message] = (await once(socket, 'message')) as [Buffer]
  return decode(message)
}

const question = (name: string): Packet => ({ type: 'query', id: 7, questions: [{ type: 'A', name }] })

test('startDnsServer answers over UDP with the id of the question', async (t) => {
  const { port } = await serve(t)
  const answer = await askUdp(t, port, question('one.test'))
  assert.equal(answer.id, 7)
  assert.equal(answer.answers?.length, 1)
  assert.equal(answer.flag_aa, true)
})

test('startDnsServer cuts an answer that is too long for UDP and says so', async (t) => {
  const { port } = await serve(t)
  const answer = await askUdp(t, port, question('many.test'))
  assert.equal(answer.flag_tc, true)
  assert.ok(answer.answers!.length > 10 && answer.answers!.length < 100)
})

test('startDnsServer gives the whole answer over TCP, also to questions in one segment', async (t) => {
  const { port } = await serve(t)
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const query = encode(question('many.test'))
  const framed = Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query])
  socket.write(Buffer.concat([framed, framed]))
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    const length = received.readUInt16BE(0) + 2
    if (received.length >= length * 2) break
  }
  const answer = decode(received.subarray(2))
  assert.equal(answer.answers?.length, 100)
  assert.equal(answer.flag_tc, false)
})

test('startDnsServer refuses what is no standard query', async (t) => {
  const { port } = await serve(t)
  const answer = await askUdp(t, port, {
    type: 'query',
    id: 1,
    flags: 2 << 11,
    questions: [{ type: 'A', name: 'x' }],
  })
  assert.equal((answer as { rcode?: string }).rcode, 'NOTIMP')
})
