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

  // Answering before the caches are full would deny names that exist.
  const ready = informers.synced().then(async () => {
    server = await startDnsServer({ address, port, resolver, log })
  })
  return Promise.resolve({
    name: 'coredns',
    ready,
    health: () => (server ? undefined : 'not listening yet'),
    async stop() {
      await ready.catch(() => {})
      forwarder.close()
      await server?.close()
    },
  })
}
