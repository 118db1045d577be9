import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Node } from '../api/generated/core.v1.ts'
import type { ComponentZPages } from '../api/zpages/component-zpages.ts'
import type { Clock } from '../machinery/clock.ts'
import { metricsContentType, type Metrics } from '../machinery/metrics.ts'
import type { ProxyMetrics } from './proxy-metrics.ts'
import type { SyncHealth } from './sync-health.ts'

/** An address and a port to listen at; port 0 takes a free one. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

export interface NodeHealthOptions {
  readonly clock: Clock
  readonly health: SyncHealth
  readonly node: () => Node | undefined
  readonly numbers: Pick<ProxyMetrics, 'healthz' | 'livez'>
}

/** A deleted node, or one that the autoscaler is about to take, gets no new traffic from load balancers. */
const goingTaint = 'ToBeDeletedByClusterAutoscaler'

/** How a server answers a path; undefined: there is no such path. */
export type Answerer = (path: string, request: IncomingMessage) => Answer | undefined

export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
  /** Beside the type. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * `/healthz`: whether load balancers should send traffic through this node, `/livez`: whether the proxy works. Source:
 * kubernetes/pkg/proxy/healthcheck, proxy_health.go.
 */
export function nodeHealth({
  clock,
  health,
  node,
  numbers,
}: NodeHealthOptions): (path: string) => Answer | undefined {
  return (path) => {
    if (path !== '/healthz' && path !== '/livez') return undefined
    const healthy = health.isHealthy()
    const nodeEligible = isEligible(node())
    const isFine = healthy && (path === '/livez' || nodeEligible)
    const status = isFine ? 200 : 503
    numbers[path === '/livez' ? 'livez' : 'healthz'](status)
    const now = clock.now()
    const updated = health.lastUpdated()
    const ofFamily = { lastUpdated: timeText(updated), healthy }
    const said = {
      lastUpdated: timeText(isFine ? now : updated),
      currentTime: timeText(now),
      ...(path === '/healthz' && { nodeEligible }),
      healthy,
      ...(updated !== undefined && { status: { IPv4: ofFamily, IPv6: ofFamily } }),
    }
    return { status, type: 'application/json', text: JSON.stringify(said) }
  }
}

function isEligible(node: Node | undefined): boolean {
  if (!node || node.metadata?.deletionTimestamp !== undefined) return false
  return !node.spec?.taints?.some(({ key }) => key === goingTaint)
}

/** `/metrics`, `/healthz`, `/proxyMode`, `/statusz` and `/flagz`, for programs on the node. Source: kubernetes/cmd/kube-proxy, metrics server. */
export function proxyInformation(
  metrics: Metrics,
  isHealthy: () => boolean,
  zpages: ComponentZPages,
): Answerer {
  return (path, request) => {
    if (path === '/metrics') return { status: 200, type: metricsContentType, text: metrics.text() }
    if (path === '/proxyMode') return { status: 200, type: 'text/plain; charset=utf-8', text: 'nftables' }
    if (path !== '/healthz') {
      const page = zpages.answer(request.url ?? '', request.headers)
      return page && { status: page.status, type: '', text: page.body, headers: page.headers }
    }
    return isHealthy()
      ? { status: 200, type: 'text/plain; charset=utf-8', text: 'ok' }
      : { status: 500, type: 'text/plain; charset=utf-8', text: 'internal server error: not healthy' }
  }
}

const notFound: Answer = { status: 404, type: 'text/plain', text: '404 page not found\n' }

/** Listens until it is closed. Throws when it cannot. */
export async function serve({ address, port }: ListenAddress, answer: Answerer): Promise<Server> {
  const server = createServer((request, response) => {
    const found = answer((request.url ?? '/').split('?')[0]!, request)
    const { status, type, text, headers = {} } = found ?? notFound
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff', ...headers })
    response.end(text)
  })
  server.listen(port, address)
  await once(server, 'listening')
  return server
}

/** As Go writes a time; the zero time where there is none. */
function timeText(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '0001-01-01T00:00:00Z' : new Date(milliseconds).toISOString()
}
