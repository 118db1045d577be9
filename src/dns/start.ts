import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createForwarder } from './forwarder.ts'
import { informedRecords } from './informed-records.ts'
import { createResolver } from './resolver.ts'
import { startDnsServer, type DnsServer } from './server.ts'

export interface DnsOptions {
  /** Where to listen, UDP and TCP. */
  readonly address: string
  /** Default 53. */
  readonly port?: number
  /** Default `cluster.local`. */
  readonly clusterDomain?: string
  /** Servers for every other name: `address` or `address:port`. */
  readonly upstreams: readonly string[]
  /** Seconds that clients may keep an answer. Default 30, as upstream's CoreDNS deployment. */
  readonly ttlSeconds?: number
}

/** Starts cluster DNS: Services, endpoints and pods by name, everything else from the upstream servers. */
export function startDns(context: ComponentContext, options: DnsOptions): Promise<RunningComponent> {
  const { informers, clock, log } = context
  const { address, port = 53, clusterDomain = 'cluster.local', upstreams, ttlSeconds = 30 } = options
  const forwarder = createForwarder({ upstreams, clock })
  const records = informedRecords(informers)
  const resolver = createResolver(records, forwarder, {
    clusterDomain,
    ttlSeconds,
    serverAddresses: [address],
  })
  let server: DnsServer | undefined
  let starting: Promise<DnsServer> | undefined
  let stopped = false

  // Answering before the caches are full would deny names that exist.
  const ready = informers.synced().then(async () => {
    if (stopped) return
    starting = startDnsServer({ address, port, resolver, log })
    server = await starting
  })
  return Promise.resolve({
    name: 'coredns',
    ready,
    health: () => (server ? undefined : 'not listening yet'),
    // Caches fill only while the API server answers: they are not waited for.
    async stop() {
      stopped = true
      forwarder.close()
      const started = await starting?.catch(() => undefined)
      await started?.close()
    },
  })
}
