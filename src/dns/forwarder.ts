import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { decode, encode, RECURSION_DESIRED, type Answer, type DecodedPacket, type Question } from 'dns-packet'
import type { Clock } from '../machinery/clock.ts'
import { failed, responseCodes, type Resolution, type ResponseCode } from './response.ts'

export interface ForwarderOptions {
  /** `address` or `address:port` / `[address]:port`; tried in order. None: every question fails with REFUSED. */
  readonly upstreams: readonly string[]
  readonly clock: Clock
  /** Milliseconds to wait for each upstream. */
  readonly timeoutMs?: number
  /** Answers are kept at most this long, failures to find a name too. */
  readonly maxTtlSeconds?: number
}

export interface Forwarder {
  resolve(question: Question): Promise<Resolution>
  /** Ends questions that are still out. */
  close(): void
}

/** Most answers kept at once; the oldest goes first. */
const maxCached = 10_000

interface Cached {
  readonly expiresAtMs: number
  readonly storedAtMs: number
  readonly resolution: Resolution
}

/** Asks the upstream servers about names outside the cluster, and keeps what they say for as long as they allow. */
export function createForwarder({
  upstreams,
  clock,
  timeoutMs = 2000,
  maxTtlSeconds = 30,
}: ForwarderOptions): Forwarder {
  const cache = new Map<string, Cached>()
  const asking = new Map<string, Promise<Resolution>>()
  const closing = new AbortController()

  async function ask(question: Question): Promise<Resolution> {
    for (const upstream of upstreams) {
      const answer = await exchange(question, parseUpstream(upstream), {
        clock,
        timeoutMs,
        signal: closing.signal,
      })
      if (answer) return toResolution(answer)
    }
    return failed(upstreams.length === 0 ? responseCodes.refused : responseCodes.serverFailure)
  }

  function keep(key: string, resolution: Resolution): void {
    const seconds = Math.min(maxTtlSeconds, lifetimeSeconds(resolution))
    if (seconds <= 0) return
    if (cache.size >= maxCached) cache.delete(cache.keys().next().value!)
    const storedAtMs = clock.monotonic()
    cache.set(key, { resolution, storedAtMs, expiresAtMs: storedAtMs + seconds * 1000 })
  }

  return {
    async resolve(question) {
      const key = `${question.type} ${question.name.toLowerCase()}`
      const cached = cache.get(key)
      if (cached && cached.expiresAtMs > clock.monotonic()) return aged(cached, clock.monotonic())
      cache.delete(key)
      let answer = asking.get(key)
      if (!answer) {
        answer = ask(question).finally(() => asking.delete(key))
        asking.set(key, answer)
      }
      const resolution = await answer
      keep(key, resolution)
      return resolution
    },
    close: () => closing.abort(),
  }
}

interface Upstream {
  readonly address: string
  readonly port: number
}

function parseUpstream(text: string): Upstream {
  const match = /^\[(.+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+)(?::(\d+))?$/.exec(text)
  return match ? { address: match[1]!, port: Number(match[2] ?? 53) } : { address: text, port: 53 }
}

interface ExchangeOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** One question to one server: over UDP, and again over TCP when the answer was cut. Undefined when it does not answer. */
async function exchange(
  question: Question,
  upstream: Upstream,
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
  const overUdp = await withinTime(options, (settle) => askOverUdp(query, upstream, isAnswer, settle))
  if (!overUdp?.flag_tc) return overUdp
  return (await withinTime(options, (settle) => askOverTcp(query, upstream, isAnswer, settle))) ?? overUdp
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
  { address, port }: Upstream,
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
  { address, port }: Upstream,
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

function toResolution(packet: DecodedPacket): Resolution {
  return {
    code: ((packet.flags ?? 0) & 0xf) as ResponseCode,
    authoritative: false,
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
    additionals: (packet.additionals ?? []).filter(({ type }) => type !== 'OPT'),
  }
}

function lifetimeSeconds({ code, answers, authorities }: Resolution): number {
  if (code !== responseCodes.noError && code !== responseCodes.noSuchName) return 0
  const records = answers.length > 0 ? answers : authorities
  return records.length === 0
    ? 0
    : Math.min(...records.map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0)))
}

/** The answer as it is now: times to live count down while it is kept. */
function aged({ resolution, storedAtMs }: Cached, nowMs: number): Resolution {
  const ageSeconds = Math.floor((nowMs - storedAtMs) / 1000)
  if (ageSeconds === 0) return resolution
  const older = (record: Answer): Answer =>
    'ttl' in record ? { ...record, ttl: Math.max(0, (record.ttl ?? 0) - ageSeconds) } : record
  return {
    ...resolution,
    answers: resolution.answers.map(older),
    authorities: resolution.authorities.map(older),
  }
}
