import type { TestContext } from 'node:test'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import type { ClusterRecords } from '../cluster-zone.ts'
import { compileCorefile } from '../corefile/compile-corefile.ts'
import { dnsMetrics } from '../dns-metrics.ts'
import type { ForwarderContext } from '../forwarder.ts'
import { createResolver, type Resolver } from '../resolver.ts'
import { startDnsServer, type DnsServer } from '../server.ts'

/** What a forwarder is given in tests, with metrics of its own. */
export function aContext(overrides: Partial<ForwarderContext> = {}): ForwarderContext {
  return { clock: systemClock, random: seededRandom(1), metrics: dnsMetrics(createMetrics()), ...overrides }
}

/** A cluster of one namespace with nothing in it. */
export const emptyRecords: ClusterRecords = {
  hasNamespace: (name) => name === 'default',
  service: () => undefined,
  endpointSlices: () => [],
  serviceByAddress: () => undefined,
  endpointSlicesByAddress: () => [],
  hasPod: () => false,
}

/** A resolver as a Corefile says, over `records`. */
export function aResolver(
  corefile: string,
  overrides: Partial<Parameters<typeof createResolver>[1]> = {},
): Resolver {
  return createResolver(compileCorefile(corefile, { nameServers: () => [] }), {
    ...aContext(),
    records: emptyRecords,
    serverAddresses: ['10.96.0.10'],
    log: silentLogger,
    ...overrides,
  })
}

/** A DNS server at a free port of the loopback, until the test ends. */
export async function serveDns(t: TestContext, resolver: Pick<Resolver, 'resolve'>): Promise<DnsServer> {
  const options = { address: '127.0.0.1', port: 0, resolver, log: silentLogger, clock: systemClock }
  const server = await startDnsServer(options)
  t.after(() => server.close())
  return server
}
