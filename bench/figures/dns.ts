import { createSocket } from 'node:dgram'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { encode } from 'dns-packet'
import type { Service } from '../../src/api/generated/core.v1.ts'
import type { ClusterRecords } from '../../src/dns/cluster-zone.ts'
import { compileCorefile } from '../../src/dns/corefile/compile-corefile.ts'
import { defaultCorefile } from '../../src/dns/default-corefile.ts'
import { dnsMetrics } from '../../src/dns/dns-metrics.ts'
import { createResolver } from '../../src/dns/resolver.ts'
import { startDnsServer } from '../../src/dns/server.ts'
import { systemClock } from '../../src/machinery/clock.ts'
import { silentLogger } from '../../src/machinery/log.ts'
import { createMetrics } from '../../src/machinery/metrics.ts'
import { systemRandom } from '../../src/machinery/random.ts'
import type { Bench } from '../figure.ts'
import { percentile } from '../timing.ts'

const serviceCount = 10_000
const questions = 30_000
/** A question without an answer is asked again after this long, as clients do. */
const againMs = 500
/** Questions that are out at once, as of that many clients. */
const atOnce = 32

/** Cluster DNS over 10,000 Services: the server in this process, who asks in another. */
export async function measureDns(bench: Bench): Promise<void> {
  const numbers = dnsMetrics(createMetrics())
  const resolver = createResolver(
    compileCorefile(defaultCorefile('cluster.local'), { nameServers: () => [] }),
    {
      clock: systemClock,
      random: systemRandom,
      metrics: numbers,
      log: silentLogger,
      records: manyServices(),
      serverAddresses: ['10.96.0.10'],
    },
  )
  const server = await startDnsServer({
    address: '127.0.0.1',
    port: 0,
    resolver,
    clock: systemClock,
    log: silentLogger,
    onAnswer: (answered, name) => numbers.answered({ ...answered, zone: resolver.zoneOf(name) }),
  })
  bench.defer(() => server.close())
  const asker = fork(join(import.meta.dirname, 'dns.ts'), ['ask', String(server.port)])
  const before = process.cpuUsage()
  const [{ seconds, latenciesMs }] = (await once(asker, 'message')) as [Asked]
  const { user, system } = process.cpuUsage(before)
  const cpuSeconds = (user + system) / 1e6
  bench.add({
    name: 'answers for each second of one core',
    value: Math.round(questions / cpuSeconds),
    unit: '/s',
    bar: { least: 15_000 },
    also: [
      { name: 'answers, who asks on the same machine', value: Math.round(questions / seconds), unit: '/s' },
    ],
  })
  bench.add({
    name: `an answer, of ${atOnce} at once: p99`,
    value: percentile(latenciesMs, 0.99),
    unit: 'ms',
    bar: { most: 5 },
    also: [{ name: 'median', value: percentile(latenciesMs, 0.5), unit: 'ms' }],
  })
}

function manyServices(): ClusterRecords {
  const services = new Map<string, Service>(
    Array.from({ length: serviceCount }, (_, index) => {
      const clusterIP = `10.96.${index >> 8}.${index & 255}`
      const metadata = { namespace: 'default', name: `service-${index}` }
      return [
        metadata.name,
        { metadata, spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }] } },
      ]
    }),
  )
  return {
    hasNamespace: (name) => name === 'default',
    service: (_, name) => services.get(name),
    endpointSlices: () => [],
    serviceByAddress: () => undefined,
    endpointSlicesByAddress: () => [],
    hasPod: () => false,
  }
}

interface Asked {
  readonly seconds: number
  readonly latenciesMs: readonly number[]
}

/** What the process that asks does; tells its parent at the end. */
async function askAll(port: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  const sentAt = new Map<number, number>()
  const latenciesMs: number[] = []
  let sent = 0
  const done = Promise.withResolvers<void>()
  const ask = (id: number) => {
    const name = `service-${(id * 7919) % serviceCount}.default.svc.cluster.local`
    const type = id % 4 === 3 ? 'AAAA' : 'A'
    socket.send(encode({ type: 'query', id, questions: [{ type, name }] }), port, '127.0.0.1')
  }
  const send = () => {
    sentAt.set(sent, performance.now())
    ask(sent)
    sent += 1
  }
  socket.on('message', (message) => {
    const id = message.readUInt16BE(0)
    const at = sentAt.get(id)
    if (at === undefined) return
    sentAt.delete(id)
    latenciesMs.push(performance.now() - at)
    if (sent < questions) send()
    else if (latenciesMs.length === questions) done.resolve()
  })
  const again = setInterval(() => {
    for (const [id, at] of sentAt) if (performance.now() - at > againMs) ask(id)
  }, againMs)
  const start = performance.now()
  for (let index = 0; index < atOnce; index++) send()
  await done.promise
  clearInterval(again)
  socket.close()
  const asked: Asked = { seconds: (performance.now() - start) / 1000, latenciesMs }
  // Not before all of it is on its way.
  process.send?.(asked, () => process.disconnect?.())
}

if (process.argv[2] === 'ask') await askAll(Number(process.argv[3]))
