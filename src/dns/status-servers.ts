import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Logger } from '../machinery/log.ts'
import { metricsContentType, type Metrics } from '../machinery/metrics.ts'
import type { DnsConfiguration, ListenAddress } from './configuration.ts'

export interface StatusServersOptions {
  /** Where to listen when the configuration names a port only. */
  readonly address: string
  readonly metrics: Metrics
  /** Plugins that are not ready yet. */
  readonly unready: () => readonly string[]
  readonly log: Logger
}

/** Answers `/health`, `/ready` and `/metrics` where the configuration says. Source: CoreDNS plugins health, ready, metrics. */
export interface StatusServers {
  /** Listens where this says, and nowhere else. A port that is taken is logged, and names are answered all the same. */
  apply(configuration: DnsConfiguration): Promise<void>
  close(): Promise<void>
}

type Path = '/health' | '/ready' | '/metrics'

export function createStatusServers(options: StatusServersOptions): StatusServers {
  const { address: ownAddress, metrics, unready, log } = options
  let wanted = new Map<string, Set<string>>()
  const servers = new Map<string, Server>()

  function answer(path: Path): { status: number; text: string; type?: string } {
    switch (path) {
      case '/health':
        return { status: 200, text: 'OK' }
      case '/ready': {
        const waiting = unready()
        return waiting.length === 0 ? { status: 200, text: 'OK' } : { status: 503, text: waiting.join(',') }
      }
      case '/metrics':
        return { status: 200, text: metrics.text(), type: metricsContentType }
    }
  }

  async function open(place: string): Promise<void> {
    const server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0]!
      const {
        status,
        text,
        type = 'text/plain; charset=utf-8',
      } = wanted.get(place)?.has(path) ? answer(path as Path) : { status: 404, text: '404 page not found\n' }
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(text)
    })
    const colon = place.lastIndexOf(':')
    try {
      server.listen(Number(place.slice(colon + 1)), place.slice(0, colon))
      await once(server, 'listening')
      servers.set(place, server)
    } catch (error) {
      log.error('status cannot be answered', { place, error })
    }
  }

  async function shut(place: string): Promise<void> {
    const server = servers.get(place)
    servers.delete(place)
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  return {
    async apply({ servers: configured }) {
      wanted = new Map()
      const want = (path: Path, at: ListenAddress | undefined) => {
        if (!at) return
        const place = `${at.address ?? ownAddress}:${at.port}`
        wanted.set(place, (wanted.get(place) ?? new Set()).add(path))
      }
      for (const { health, ready, prometheus } of configured) {
        want('/health', health)
        want('/ready', ready)
        want('/metrics', prometheus)
      }
      for (const place of servers.keys()) if (!wanted.has(place)) await shut(place)
      for (const place of wanted.keys()) if (!servers.has(place)) await open(place)
    },
    async close() {
      for (const place of servers.keys()) await shut(place)
    },
  }
}
