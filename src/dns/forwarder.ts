import type { DecodedPacket, Question } from 'dns-packet'
import type { Cancel, Clock } from '../machinery/clock.ts'
import type { Random } from '../machinery/random.ts'
import type { ForwardConfiguration, UpstreamAddress } from './configuration.ts'
import { rcodeName, type DnsMetrics } from './dns-metrics.ts'
import { exchange } from './exchange.ts'
import { failed, responseCodes, type Resolution, type ResponseCode } from './response.ts'

export interface ForwarderContext {
  readonly clock: Clock
  readonly random: Random
  readonly metrics: DnsMetrics
  /** Milliseconds to wait for each upstream server; default 2000. */
  readonly timeoutMs?: number
}

/** Asks upstream servers. Source: CoreDNS plugin/forward. */
export interface Forwarder {
  /** Never rejects: SERVFAIL when nobody answers, REFUSED where there is nobody to ask or too much is asked at once. */
  resolve(question: Question): Promise<Resolution>
  /** Ends questions that are still out. */
  close(): void
}

/** All servers together have this long. */
const deadlineMs = 5000

export function createForwarder(configuration: ForwardConfiguration, context: ForwarderContext): Forwarder {
  const { policy, forceTcp, maxConcurrent } = configuration
  const { clock, random, metrics, timeoutMs = 2000 } = context
  const closing = new AbortController()
  const options = { clock, timeoutMs, signal: closing.signal, forceTcp }
  const upstreams = configuration.upstreams.map((upstream) =>
    createUpstream(upstream, configuration, context, options),
  )
  const asking = new Map<string, Promise<Resolution>>()
  let concurrent = 0
  let turn = 0

  function inOrder(): Upstream[] {
    if (policy === 'sequential' || upstreams.length < 2) return upstreams
    const start =
      policy === 'random' ? Math.floor(random.next() * upstreams.length) : turn++ % upstreams.length
    return [...upstreams.slice(start), ...upstreams.slice(0, start)]
  }

  async function ask(question: Question): Promise<Resolution> {
    const order = inOrder()
    const up = order.filter((upstream) => !upstream.isDown())
    if (up.length === 0) metrics.forwardBroken.add()
    const endsAt = clock.monotonic() + deadlineMs
    for (const upstream of up.length > 0 ? up : order.slice(0, 1)) {
      const answer = await upstream.ask(question)
      if (answer) return toResolution(answer)
      if (closing.signal.aborted || clock.monotonic() >= endsAt) break
    }
    return failed(responseCodes.serverFailure)
  }

  return {
    async resolve(question) {
      if (upstreams.length === 0) return failed(responseCodes.refused)
      const key = `${question.type} ${question.name.toLowerCase()}`
      const already = asking.get(key)
      if (already) return already
      if (maxConcurrent > 0 && concurrent >= maxConcurrent) {
        metrics.forwardRejects.add()
        return failed(responseCodes.refused)
      }
      concurrent += 1
      const answer = ask(question).finally(() => {
        concurrent -= 1
        asking.delete(key)
      })
      asking.set(key, answer)
      return answer
    },
    close() {
      closing.abort()
      for (const upstream of upstreams) upstream.close()
    },
  }
}

interface Upstream {
  isDown(): boolean
  ask(question: Question): Promise<DecodedPacket | undefined>
  close(): void
}

/** The root's name servers: any answer shows that somebody is there. */
const probe: Question = { type: 'NS', name: '' }

/** One that does not answer is asked again and again until it does, and is left out meanwhile. */
function createUpstream(
  address: UpstreamAddress,
  { maxFails, healthCheckMs }: ForwardConfiguration,
  { clock, metrics }: ForwarderContext,
  options: Parameters<typeof exchange>[2],
): Upstream {
  const to = address.address.includes(':')
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`
  let fails = 0
  let checking: Cancel | undefined
  let closed = false

  function checkLater(): void {
    if (maxFails === 0 || checking || closed) return
    checking = clock.after(healthCheckMs, () => {
      checking = undefined
      void exchange(probe, address, { ...options, timeoutMs: Math.min(1000, options.timeoutMs) }).then(
        (answer) => {
          if (answer) fails = 0
          else {
            fails += 1
            metrics.healthCheckFailures(to).add()
            checkLater()
          }
        },
      )
    })
  }

  return {
    isDown: () => maxFails > 0 && fails >= maxFails,
    async ask(question) {
      const startedAt = clock.monotonic()
      const answer = await exchange(question, address, options)
      if (answer) {
        const code = rcodeName((answer.flags ?? 0) & 0xf)
        metrics.forwarded(to, code).observe((clock.monotonic() - startedAt) / 1000)
        fails = 0
      } else {
        fails += 1
        checkLater()
      }
      return answer
    },
    close() {
      closed = true
      checking?.()
    },
  }
}

function toResolution(packet: DecodedPacket): Resolution {
  return {
    code: ((packet.flags ?? 0) & 0xf) as ResponseCode,
    authoritative: false,
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
    additionals: (packet.additionals ?? []).filter(({ type }) => type !== 'OPT'),
    plugin: 'forward',
  }
}
