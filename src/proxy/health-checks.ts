import { createServer, type Server } from 'node:http'
import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Logger } from '../machinery/log.ts'
import { isProxied } from './frontends.ts'

/** What load balancers ask a node before they send it traffic of a Service that is to stay on the node. */
export interface HealthCheck {
  readonly service: Service
  /** `spec.healthCheckNodePort`. */
  readonly port: number
  /** How many ready endpoints of it this node has. */
  readonly localEndpoints: number
}

export function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): HealthCheck | undefined {
  const { healthCheckNodePort: port, type, externalTrafficPolicy } = service.spec ?? {}
  if (!port || type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local' || !isProxied(service)) {
    return undefined
  }
  const local = slices
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions?.ready !== false)
  return { service, port, localEndpoints: new Set(local.map(({ addresses }) => addresses[0])).size }
}

export interface HealthChecksOptions {
  readonly nodeName: string
  readonly isHealthy: () => boolean
  readonly events: EventRecorder
  readonly log: Logger
}

/** Answers health checks, each at its own port. Source: kubernetes/pkg/proxy/healthcheck, service_health.go. */
export interface HealthChecks {
  /** The check of the Service with this key; undefined: it has none (any more). */
  set(key: string, check: HealthCheck | undefined): void
  close(): void
}

export function createHealthChecks(options: HealthChecksOptions): HealthChecks {
  const servers = new Map<string, Serving>()

  function close(key: string): void {
    servers.get(key)?.server.close()
    servers.get(key)?.server.closeAllConnections()
    servers.delete(key)
  }

  return {
    set(key, check) {
      const present = servers.get(key)
      if (present && present.check.port !== check?.port) close(key)
      if (!check) return
      const known = servers.get(key)
      if (known) known.check = check
      else servers.set(key, startServing(check, options))
    },
    close() {
      for (const key of servers.keys()) close(key)
    },
  }
}

interface Serving {
  readonly server: Server
  /** What it answers from now on. */
  check: HealthCheck
}

function startServing(check: HealthCheck, options: HealthChecksOptions): Serving {
  const serving: { check: HealthCheck } = { check }
  return Object.assign(serving, { server: serve(() => serving.check, options) })
}

function serve(
  current: () => HealthCheck,
  { nodeName, isHealthy, events, log }: HealthChecksOptions,
): Server {
  const server = createServer((_request, response) => {
    const { service, localEndpoints } = current()
    const { namespace, name } = service.metadata ?? {}
    const serviceProxyHealthy = isHealthy()
    response.writeHead(localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    })
    response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }))
  })
  server.on('error', (error) => {
    const { service, port } = current()
    const { namespace, name } = service.metadata ?? {}
    const message = `node ${nodeName} failed to start healthcheck "${namespace}/${name}" on port ${port}: ${error.message}`
    events.event(service, 'Warning', 'FailedToStartServiceHealthcheck', message, { action: 'Listen' })
    log.error('health checks of a service cannot be answered', {
      service: `${namespace}/${name}`,
      port,
      error,
    })
  })
  server.listen(current().port)
  return server
}
