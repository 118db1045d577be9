import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { decode, encode, RECURSION_DESIRED, type DecodedPacket, type Question } from 'dns-packet'
import type { Clock } from '../machinery/clock.ts'
import type { UpstreamAddress } from './configuration.ts'

export interface ExchangeOptions {
  readonly clock: Clock
  /** To wait, for each of UDP and TCP. */
  readonly timeoutMs: number
  /** Ends the exchange without an answer. */
  readonly signal: AbortSignal
  readonly forceTcp: boolean
}

/** One question to one server: over UDP, and again over TCP when the answer was cut. Undefined when it does not answer. */
export async function exchange(
  question: Question,
  upstream: UpstreamAddress,
  options: ExchangeOptions,
): Promise<DecodedPacket | undefined> {
  const id = randomInt(65_536)
  const query = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [question],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  })
  const isAnswer = (packet: DecodedPacket) =>
    packet.id === id &&
    packet.flag_qr &&
    packet.questions?.[0]?.name.toLowerCase() === question.name.toLowerCase()
  const overTcp = () => withinTime(options, (settle) => askOverTcp(query, upstream, isAnswer, settle))
  if (options.forceTcp) return overTcp()
  const overUdp = await withinTime(options, (settle) => askOverUdp(query, upstream, isAnswer, settle))
  if (!overUdp?.flag_tc) return overUdp
  return (await overTcp()) ?? overUdp
}

type Settle = (packet: DecodedPacket | undefined) => void

function withinTime(
  { clock, timeoutMs, signal }: ExchangeOptions,
  start: (settle: Settle) => () => void,
): Promise<DecodedPacket | undefined> {
  return new Promise((resolve) => {
    const settle: Settle = (packet) => {
      cancel()
      signal.removeEventListener('abort', giveUp)
      stop()
      resolve(packet)
    }
    const giveUp = () => settle(undefined)
    const cancel = clock.after(timeoutMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    const stop = start(settle)
  })
}

function askOverUdp(
  query: Buffer,
  { address, port }: UpstreamAddress,
  isAnswer: (packet: DecodedPacket) => boolean,
  settle: Settle,
): () => void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message) => {
    const packet = tryDecode(message)
    if (packet && isAnswer(packet)) settle(packet)
  })
  socket.on('error', () => settle(undefined))
  socket.send(query, port, address)
  return () => socket.close()
}

function askOverTcp(
  query: Buffer,
  { address, port }: UpstreamAddress,
  isAnswer: (packet: DecodedPacket) => boolean,
  settle: Settle,
): () => void {
  const socket = connect(port, address)
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
    const packet = tryDecode(received.subarray(2))
    settle(packet && isAnswer(packet) ? packet : undefined)
  })
  socket.on('error', () => settle(undefined))
  socket.on('end', () => settle(undefined))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(query.length)
  socket.write(Buffer.concat([length, query]))
  return () => socket.destroy()
}

/** Undefined for bytes that are no DNS packet, which anyone may send. */
export function tryDecode(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message)
  } catch {
    return undefined
  }
}
