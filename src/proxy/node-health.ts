import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Node } from '../api/generated/core.v1.ts'
import type { Clock } from '../machinery/clock.ts'
import { metricsContentType, type Metrics } from '../machinery/metrics.ts'

/** An address and a port to listen at; port 0 takes a free one. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

export interface NodeHealthOptions {
  readonly listen: ListenAddress
  readonly clock: Clock
  /** Whether rules have been written, and nothing has been waiting for long to be. */
  readonly isHealthy: () => boolean
  /** When the rules were last as they should be; milliseconds since the epoch. */
  readonly lastUpdated: () => number
  readonly node: () => Node | undefined
}

/** A deleted node, or one that the autoscaler is about to take, gets no new traffic from load balancers. */
const goingTaint = 'ToBeDeletedByClusterAutoscaler'

/**
 * `/healthz`: whether load balancers should send traffic through this node, `/livez`: whether the proxy works. Source:
 * kubernetes/pkg/proxy/healthcheck, proxy_health.go.
 */
export async function serveNodeHealth(options: NodeHealthOptions): Promise<Server> {
  const { listen, clock, isHealthy, lastUpdated, node } = options
  return startServer(listen, (path) => {
    if (path !== '/healthz' && path !== '/livez') return undefined
    const { metadata, spec } = node() ?? {}
    const nodeEligible =
      metadata?.deletionTimestamp === undefined && !spec?.taints?.some(({ key }) => key === goingTaint)
    const now = clock.now()
    const updated = isHealthy() ? now : lastUpdated()
    return {
      status: isHealthy() && (nodeEligible || path === '/livez') ? 200 : 503,
      type: 'application/json',
      text: `{"lastUpdated": "${timeText(updated)}","currentTime": "${timeText(now)}", "nodeEligible": ${nodeEligible}}`,
    }
  })
}

/** `/metrics`, `/healthz` and `/proxyMode`, for programs on the node. Source: kubernetes/cmd/kube-proxy, metrics server. */
export async function serveProxyMetrics(
  listen: ListenAddress,
  metrics: Metrics,
  isHealthy: () => boolean,
): Promise<Server> {
  return startServer(listen, (path) => {
    if (path === '/metrics') return { status: 200, type: metricsContentType, text: metrics.text() }
    if (path === '/proxyMode') return { status: 200, type: 'text/plain; charset=utf-8', text: 'nftables' }
    if (path !== '/healthz') return undefined
    return isHealthy()
      ? { status: 200, type: 'text/plain; charset=utf-8', text: 'ok' }
      : { status: 500, type: 'text/plain; charset=utf-8', text: 'internal server error: not healthy' }
  })
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function startServer(
  { address, port }: ListenAddress,
  answer: (path: string) => Answer | undefined,
): Promise<Server> {
  const server = createServer((request, response) => {
    const found = answer((request.url ?? '/').split('?')[0]!)
    const { status, type, text } = found ?? { status: 404, type: 'text/plain', text: '404 page not found\n' }
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
    response.end(text)
  })
  server.listen(port, address)
  await once(server, 'listening')
  return server
}

/** As Go writes a time: `2026-01-01 00:00:00 +0000 UTC`. */
function timeText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().replace('T', ' ').replace('Z', '')} +0000 UTC`
}
