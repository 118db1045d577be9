import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ComponentZPages } from '../../api/zpages/component-zpages.ts'
import { goJson, goJsonLine } from '../../machinery/go-json.ts'
import { observeProcess } from '../../machinery/process-metrics.ts'
import { tlsPolicyWith } from '../../machinery/pki/tls-policy.ts'
import { metricsContentType } from '../../machinery/metrics.ts'
import { createServerMetrics } from '../metrics/server-metrics.ts'
import type { KubeletServerOptions, ServingCertificate } from '../options.ts'
import { createAuthentication } from './authentication.ts'
import { createAuthorization } from './authorization.ts'
import { serveContainerLogs } from './container-logs.ts'
import { findPod, runningContainer } from './find-container.ts'
import { HttpError } from './http-error.ts'
import { forwardOverSpdy, forwardOverWebSocket, portDialler } from './port-forward.ts'
import { connectCommand, streamOptions } from './remote-command.ts'
import { resourceMetrics } from './resource-metrics.ts'
import { listedPaths, routeOf, type Route } from './route.ts'
import type { ServerContext } from './server-context.ts'
import { acceptCommandStreams } from './spdy-server.ts'
import { createVolumeStats } from './volume-stats.ts'
import { createStatsSummary } from './stats-summary.ts'
import { acceptCommandChannels } from './websocket-server.ts'

export interface KubeletServer {
  readonly port: number
  /** Shows another certificate to whoever connects from now on. */
  present(certificate: ServingCertificate): void
  /** Closes the port and every connection. */
  stop(): Promise<void>
}

const defaultPort = 10_250
/** As Go's HTTP server: a command to carry out comes in the request's first line. */
const maxHeaderBytes = 1 << 20

/** The kubelet's HTTPS API: pods, logs, exec, attach, port-forward, statistics, metrics. Resolves when the port is open. */
export async function startKubeletServer(
  context: ServerContext,
  options: KubeletServerOptions,
  rootDirectory: string,
): Promise<KubeletServer> {
  const { client, clock, log, nodeName } = context
  const authenticate = createAuthentication({
    client,
    clock,
    certificates: options.clientCA !== undefined,
    tokens: options.authenticateTokens ?? true,
  })
  const authorize = options.authorize === false ? undefined : createAuthorization(client, clock, nodeName)
  const volumeStats = createVolumeStats(context)
  const summary = createStatsSummary(context, rootDirectory, volumeStats)
  const serverMetrics = createServerMetrics(context.metrics, clock)
  const updateProcess = observeProcess(context.metrics, clock)
  context.metrics.onCollect(updateProcess)
  serverMetrics.shows(options.certificate)
  const tlsPolicy = tlsPolicyWith(options.tlsCipherSuites, options.tlsMinVersion)
  const sockets = new Set<Duplex>()
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    ...shown(options),
    ...(options.clientCA !== undefined && { requestCert: true }),
    rejectUnauthorized: false,
  })

  let zpages: ComponentZPages | undefined
  async function makeZPages(): Promise<ComponentZPages> {
    const { componentZPages } = await import('../../api/zpages/component-zpages.ts')
    const flags = () => context.flags()
    return componentZPages({
      component: 'kubelet',
      paths: () => listedPaths,
      flags,
      clock,
      random: context.random,
    })
  }

  /** All that can be changed while it serves, and must be given again with each change. */
  function shown({ certificate, privateKey }: ServingCertificate) {
    const ca = options.clientCA
    return { ...tlsPolicy, cert: certificate, key: privateKey, ...(ca !== undefined && { ca }) }
  }

  async function admit(request: IncomingMessage): Promise<{ route: Route; query: URLSearchParams }> {
    await context.started
    const url = new URL(request.url ?? '/', 'https://kubelet')
    const user = await authenticate(request)
    await authorize?.(user, request.method ?? 'GET', url.pathname)
    const route = routeOf(url.pathname)
    if (route === undefined) throw new HttpError(404, '404 page not found')
    return { route, query: url.searchParams }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { route, query } = await admit(request)
    serverMetrics.began(request, response, route.type)
    switch (route.type) {
      case 'healthz': {
        const problem = context.health()
        return send(response, problem === undefined ? 200 : 500, 'text/plain', problem ?? 'ok')
      }
      case 'pods':
      case 'runningPods':
        return sendJson(response, goJsonLine({ ...podList, items: context.pods() }))
      case 'configz':
        return sendJson(response, goJson({ kubeletconfig: context.configuration() }))
      case 'summary':
        // As go-restful writes it, unlike what is an object of the API.
        return sendJson(response, goJson(await summary(), 1))
      case 'metrics':
        return send(
          response,
          200,
          metricsContentType,
          `${context.metrics.text()}${await volumeStats.metrics()}`,
        )
      case 'resourceMetrics':
        return send(response, 200, metricsContentType, await resourceMetrics(context))
      case 'cadvisorMetrics': {
        const { cadvisorMetrics } = await import('./cadvisor-metrics.ts')
        return send(response, 200, metricsContentType, await cadvisorMetrics(context))
      }
      case 'probeMetrics':
        return send(response, 200, metricsContentType, context.probeMetrics.text())
      case 'zpage': {
        zpages ??= await makeZPages()
        const page = zpages.answer(request.url ?? '', request.headers)
        if (!page) throw new HttpError(404, '404 page not found')
        response.writeHead(page.status, page.headers)
        return void response.end(page.body)
      }
      case 'systemLogs': {
        if (!context.systemLogs) throw new HttpError(405, 'logs endpoint is disabled.')
        const { serveSystemLogs } = await import('./system-logs/serve-system-logs.ts')
        return await serveSystemLogs(context.systemLogs, route.path, query, request, response)
      }
      case 'containerLogs': {
        const gone = new AbortController()
        response.once('close', () => gone.abort())
        return await serveContainerLogs(context, route.parts, query, response, gone.signal)
      }
      case 'run':
        return await run(route, query, response)
      case 'exec':
      case 'attach':
      case 'portForward':
        throw new HttpError(400, 'Upgrade request required')
    }
  }

  async function run(
    route: Extract<Route, { container: string }>,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const pod = findPod(context, route.namespace, route.pod, route.uid)
    const { services, instance } = runningContainer(context, pod, route.container)
    const command = (query.get('cmd') ?? '').split(' ').filter((part) => part !== '')
    const { stdout, stderr, exitCode } = await services.runtime.execSync(instance.id, command, 0)
    if (exitCode !== 0) {
      throw new HttpError(
        500,
        `command exited with ${exitCode}: ${Buffer.concat([stdout, stderr]).toString()}`,
      )
    }
    send(response, 200, 'text/plain', Buffer.concat([stdout, stderr]))
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { route, query } = await admit(request)
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    switch (route.type) {
      case 'exec':
      case 'attach': {
        const pod = findPod(context, route.namespace, route.pod, route.uid)
        const { services, instance } = runningContainer(context, pod, route.container)
        const streams = streamOptions(query)
        if (!streams.stdin && !streams.stdout && !streams.stderr) {
          throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr')
        }
        const command = query.getAll('command')
        const open = () =>
          route.type === 'exec'
            ? services.runtime.exec(instance.id, { ...streams, command })
            : services.runtime.attach(instance.id, streams)
        const accepted = isWebSocket
          ? await acceptCommandChannels(request, socket, head, streams)
          : await acceptCommandStreams(request, socket, head, streams, clock)
        return await connectCommand(open, accepted)
      }
      case 'portForward': {
        const pod = findPod(context, route.namespace, route.pod, route.uid)
        const dial = portDialler(context, pod)
        if (isWebSocket) return await forwardOverWebSocket(request, socket, head, query, pod, dial)
        return forwardOverSpdy(request, socket, head, pod, dial)
      }
      default:
        throw new HttpError(400, 'unable to upgrade')
    }
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response).catch((error: unknown) => {
      if (!(error instanceof HttpError)) log.warn('serving a request failed', { path: request.url, error })
      if (response.headersSent) response.destroy()
      else sendError(response, error)
    })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrade(request, socket, head).catch((error: unknown) => {
      if (!(error instanceof HttpError))
        log.debug('an upgraded connection ended', { path: request.url, error })
      refuse(socket, error)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? defaultPort, options.address, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    present(certificate) {
      server.setSecureContext(shown(certificate))
      serverMetrics.shows(certificate.certificate)
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

const podList = { kind: 'PodList', apiVersion: 'v1', metadata: {} } as const

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  response.writeHead(status, { 'content-type': type })
  response.end(body)
}

function sendJson(response: ServerResponse, json: string): void {
  send(response, 200, 'application/json', json)
}

function sendError(response: ServerResponse, error: unknown): void {
  const { status, message } = answerOf(error)
  send(response, status, 'text/plain; charset=utf-8', message)
}

/** Answers an upgrade with an error, where nothing has been answered yet. */
function refuse(socket: Duplex, error: unknown): void {
  if (socket.destroyed || !socket.writable) return
  const { status, message } = answerOf(error)
  const body = Buffer.from(message)
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} Error\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      body,
    ]),
  )
}

function answerOf(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof HttpError) return error
  return { status: 500, message: error instanceof Error ? error.message : String(error) }
}
