import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import { isProxied } from './frontends.ts'
import { keepServing, type SteadyServer } from './steady-server.ts'

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
  /** Where it listens: the node port addresses; at all of the machine when undefined. */
  readonly addresses?: () => readonly string[] | undefined
  readonly events: EventRecorder
  readonly clock: Clock
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
    for (const server of servers.get(key)?.servers ?? []) server.close()
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
  readonly servers: readonly SteadyServer[]
  /** What it answers from now on. */
  check: HealthCheck
}

const retryMs = 30_000

function startServing(check: HealthCheck, options: HealthChecksOptions): Serving {
  const { nodeName, addresses = () => undefined, clock, log, events } = options
  const { service, port } = check
  const name = `${service.metadata?.namespace}/${service.metadata?.name}`
  const serving: { check: HealthCheck } = { check }
  const answer = answerer(() => serving.check, options.isHealthy)
  const chosen = addresses()
  const servers = (chosen?.length ? chosen : [undefined]).map((address) =>
    keepServing({
      clock,
      log: log.with({ port }),
      what: `health checks of ${name}`,
      retryMs,
      async start() {
        const server: Server = createServer(answer)
        server.listen(port, address)
        await once(server, 'listening')
        return server
      },
      onFailure({ message }) {
        const text = `node ${nodeName} failed to start healthcheck "${name}" on port ${port}: ${message}`
        events.event(service, 'Warning', 'FailedToStartServiceHealthcheck', text, { action: 'Listen' })
      },
    }),
  )
  return Object.assign(serving, { servers })
}

function answerer(current: () => HealthCheck, isHealthy: () => boolean) {
  return (_request: IncomingMessage, response: ServerResponse) => {
    const { service, localEndpoints } = current()
    const { namespace, name } = service.metadata ?? {}
    const serviceProxyHealthy = isHealthy()
    response.writeHead(localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    })
    response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }))
  }
}
