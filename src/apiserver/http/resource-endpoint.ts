import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { resourceNotFound } from '../registry/dispatch.ts'
import type { Answer, ResourceRequest } from '../registry/request.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import type { ApiCall, Endpoint } from './api-handler.ts'
import { answerReply, tableOptions } from './encode-answer.ts'
import { watchEncoder, type WatchEncoder } from './encode-watch.ts'
import { headerOf, type HttpReply, type HttpRequest } from './http-exchange.ts'
import type { InFlight } from './in-flight.ts'
import { negotiate, type WantedForm } from './negotiate.ts'
import { readAction } from './read-request.ts'
import type { RequestMetrics } from './request-metrics.ts'
import { defaultWatchTimeoutMs, serveWatch, type WatchSession } from './serve-watch.ts'
import { watchOverWebSocket } from './websocket-watch.ts'

export interface ResourceEndpointOptions {
  readonly table: ResourceTable
  /** Carries out an authorised request. */
  handle(request: ResourceRequest): Promise<Answer>
  readonly clock: Clock
  readonly random: Random
  readonly metrics: RequestMetrics
  readonly inFlight: InFlight
}

/** Serves objects: `/api/v1/...` and `/apis/<group>/<version>/...`. */
export function resourceEndpoint(options: ResourceEndpointOptions): Endpoint {
  return (call) => (call.info.isResourceRequest ? serveResource(options, call) : undefined)
}

/** Subresources that are asked something and store nothing of their own. */
const questions: ReadonlySet<string> = new Set(['binding', 'eviction', 'token'])

async function serveResource(options: ResourceEndpointOptions, call: ApiCall): Promise<HttpReply> {
  const { request, info, user } = call
  const served = await options.table.findLatest(info)
  if (!served) throw resourceNotFound()
  // A form that cannot be sent is refused before anything is done.
  const tables = !questions.has(info.subresource) && !options.table.responderOf(served.registry)
  const form = negotiate(request, { views: true, tables, protobuf: served.hasProtobuf })
  const action = await readAction(request, info, served.isCustom)
  const { group, version, resource, subresource, namespace } = info
  const answer = await options.handle({
    user,
    group,
    version,
    resource,
    subresource,
    namespace,
    name: info.verb === 'list' || info.verb === 'watch' ? '' : info.name,
    userAgent: headerOf(request.headers, 'user-agent') ?? '',
    signal: () => request.signal,
    ...(call.deadlineMs !== undefined && { deadlineMs: call.deadlineMs }),
    warn: (message) => call.warn(message),
    ...(call.annotate && { annotate: call.annotate }),
    ...action,
  })
  if (answer.type === 'events') throw new Error('another server’s watch is passed on, not answered')
  if (answer.type !== 'watch') return answerReply(request, answer, form, options.clock.now())
  return watchReply(options, call, answer, form)
}

function watchReply(
  options: ResourceEndpointOptions,
  { request, info }: ApiCall,
  { watcher, as }: Answer & { type: 'watch' },
  form: WantedForm,
): HttpReply {
  const { clock, random, metrics, inFlight } = options
  if (inFlight.isDraining) throw serviceUnavailable('apiserver is shutting down')
  let encoder: WatchEncoder
  try {
    encoder = watchEncoder(as, form, () => tableOptions(request, form.view!, clock.now()))
  } catch (error) {
    watcher.close()
    throw error
  }
  const events = metrics.watchEvents(info)
  if (!isTimed(request)) as.registry.limitWatch(watcher, defaultWatchTimeoutMs(random))
  const session: WatchSession = {
    watcher,
    encoder,
    prepare: (batch) => as.prepareEvents(batch),
    onSent: (bytes) => {
      events.count.add()
      events.size.observe(bytes)
    },
  }
  const run = async (serve: () => Promise<void>) => {
    const finish = metrics.beginLongRunning(request, info)
    const unregister = inFlight.onDrain(() => watcher.end())
    try {
      await serve()
    } finally {
      unregister()
      finish()
    }
  }
  if (request.upgrade?.protocol === 'websocket') {
    return {
      status: 101,
      headers: {},
      takeOver: (upgrade) => run(() => watchOverWebSocket(session, request, upgrade)),
    }
  }
  return {
    status: 200,
    headers: { 'content-type': encoder.contentType },
    body: (sink) => run(() => serveWatch(session, sink)),
  }
}

function isTimed({ query }: HttpRequest): boolean {
  return Number(query.get('timeoutSeconds') ?? 0) > 0
}
