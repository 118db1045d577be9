import { randomUUID } from 'node:crypto'
import type { Clock } from '../../machinery/clock.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { Logger } from '../../machinery/log.ts'
import { from, internalError } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import type { Credentials, User } from '../authentication/authenticator.ts'
import type { Impersonation } from '../authentication/impersonation/impersonate.ts'
import { wantedUser } from '../authentication/impersonation/wanted-user.ts'
import type { RequestAuthenticator } from '../authentication/union.ts'
import { attributesOf } from '../authorization/attributes.ts'
import type { Attributes, Authorizer, Decision } from '../authorization/authorizer.ts'
import { forbidden } from '../authorization/forbidden.ts'
import type { Annotate, TimedPart } from '../registry/request.ts'
import type { RequestInfo } from '../request-info.ts'
import type { AccessMetrics } from './access-metrics.ts'
import { defaultTimeoutMs, timeoutOf, type Deadlines } from './deadlines.ts'
import type { Auditor, AuditRecord } from '../audit/auditor.ts'
import type { FlowControl } from '../flowcontrol/flow-control.ts'
import { headerOf, type ByteSink, type HttpReply, type HttpRequest } from './http-exchange.ts'
import { tooManyRequestsReply, type InFlightLimit } from './max-in-flight.ts'
import { parseRequestInfo } from './parse-request-info.ts'
import { errorReply, textReply } from './reply.ts'
import type { RequestMetrics } from './request-metrics.ts'
import { Warnings } from './warnings.ts'

/** An authenticated and authorised request, as endpoints see it. */
export interface ApiCall {
  readonly request: HttpRequest
  readonly info: RequestInfo
  readonly user: User
  /** When it must be answered, in milliseconds of the monotonic clock; absent where it may take its time. */
  readonly deadlineMs?: number
  warn(message: string): void
  /** Adds an annotation to the audit event, where there is one. */
  readonly annotate?: Annotate
}

/** Serves some paths; undefined for paths that are not its own. */
export type Endpoint = (call: ApiCall) => Promise<HttpReply> | undefined

export interface ApiHandlerOptions {
  readonly authenticator: RequestAuthenticator
  readonly authorizer: Authorizer
  readonly impersonation: Impersonation
  /** Asked in order. */
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: RequestMetrics
  readonly accessMetrics: AccessMetrics
  readonly deadlines: Deadlines
  readonly auditor?: Auditor | undefined
  /** How many requests are served at a time, in total or by whose they are. */
  readonly limit:
    | { readonly type: 'maxInFlight'; readonly maxInFlight: InFlightLimit }
    | { readonly type: 'flowControl'; readonly flowControl: FlowControl }
}

/** What becomes known about a request on its way. */
interface Progress {
  readonly warnings: Warnings
  readonly auditId: string
  /** In milliseconds since the epoch. */
  readonly receivedMs: number
  /** Absent where nothing of the request is recorded. */
  record?: AuditRecord | undefined
  /** Annotations from before there can be a record. */
  readonly notes: (readonly [key: string, value: string])[]
  /** It is decided whether there is a record. */
  isKnown: boolean
  /** A mistake of ours that ended the request. */
  fault?: unknown
  /** How long it may take, in milliseconds; long-running ones may wait so long for their turn in all. */
  timeoutMs: number
  deadlineMs?: number
  /** Headers of the answer, whatever that is. */
  headers?: HttpReply['headers']
}

const maxAuditIdLength = 64
/** What of the time that it may take a request may wait for its turn. */
const waitLimitShare = 1 / 4

/** Authenticate, impersonate, authorise, handle: the way of every request, and the one place where its failure becomes an answer. */
export class ApiHandler {
  readonly #options: ApiHandlerOptions
  readonly #authenticator: RequestAuthenticator
  /** Of requests; who may impersonate whom is another question. */
  readonly #authorizer: Authorizer

  constructor(options: ApiHandlerOptions) {
    this.#options = options
    this.#authenticator = options.accessMetrics.observeAuthenticator(options.authenticator)
    this.#authorizer = options.accessMetrics.observeAuthorizer(options.authorizer)
  }

  handle(request: HttpRequest): Promise<HttpReply> {
    return this.#handle(request, undefined)
  }

  /** As handle, for somebody who is known already. */
  handleAs(request: HttpRequest, user: User): Promise<HttpReply> {
    return this.#handle(request, user)
  }

  async #handle(request: HttpRequest, known: User | undefined): Promise<HttpReply> {
    const { clock, metrics } = this.#options
    const started = clock.monotonic()
    const info = parseRequestInfo(request.method, request.path, request.query)
    const progress: Progress = {
      auditId: auditIdOf(request),
      receivedMs: clock.now(),
      warnings: new Warnings(),
      isKnown: known !== undefined,
      notes: [],
      timeoutMs: defaultTimeoutMs,
    }
    const reply = await this.#reply(request, info, progress, known)
    const { status, body, takeOver } = reply
    const { record } = progress
    const seconds = () => (clock.monotonic() - started) / 1000
    const headers = { ...this.#commonHeaders(progress), ...reply.headers }
    if (isLongRunning(info) && (takeOver || typeof body === 'function')) {
      const begun = record?.started(reply)
      if (begun instanceof Promise) await begun
      const ended = async () => {
        metrics.observe(request, info, status, seconds())
        await record?.completed(reply)
      }
      return { ...reply, headers, ...observingEnd(reply, ended) }
    }
    metrics.observe(request, info, status, seconds(), lengthOf(reply))
    if (record?.wantsAnswer && typeof body === 'function') {
      const collected = collecting(body, (bytes) => record.completed({ ...reply, body: bytes }))
      return { ...reply, headers, body: collected }
    }
    const done = this.#recordEnd(request, info, progress, { ...reply, headers })
    if (done instanceof Promise) await done
    return { ...reply, headers }
  }

  #recordEnd(
    request: HttpRequest,
    info: RequestInfo,
    { record, auditId, fault, isKnown }: Progress,
    reply: HttpReply,
  ): unknown {
    if (record) return fault === undefined ? record.completed(reply) : record.panicked(fault)
    return isKnown ? undefined : this.#options.auditor?.refused(request, info, auditId, reply)
  }

  async #reply(
    request: HttpRequest,
    info: RequestInfo,
    progress: Progress,
    known: User | undefined,
  ): Promise<HttpReply> {
    const { deadlines, metrics } = this.#options
    if (isLongRunning(info)) {
      try {
        return await this.#carryOut(request, info, progress, known)
      } catch (error) {
        return errorReply(request, this.#statusOf(error, request, info, progress))
      }
    }
    const inFlight = metrics.inFlight(info)
    inFlight.add(1)
    try {
      progress.timeoutMs = timeoutOf(request)
      progress.deadlineMs = this.#options.clock.monotonic() + progress.timeoutMs
      const work = this.#carryOut(request, info, progress, known)
      return await deadlines.within(progress.timeoutMs, work)
    } catch (error) {
      const failure = this.#statusOf(error, request, info, progress)
      if (failure.status.code === 504) metrics.observeTermination(request, info, 504)
      return errorReply(request, failure)
    } finally {
      inFlight.add(-1)
    }
  }

  async #carryOut(
    request: HttpRequest,
    info: RequestInfo,
    progress: Progress,
    known: User | undefined,
  ): Promise<HttpReply> {
    const { authorizer, impersonation, clock, limit } = this.#options
    const startedAt = clock.monotonic()
    const requestor =
      known ?? (await this.#authenticator.authenticate(credentialsOf(request, progress), info.path))
    const attributes = attributesOf(info, requestor)
    const wanted = wantedUser(request)
    progress.isKnown = true
    const authenticatedAt = clock.monotonic()
    const record = await this.#options.auditor?.begin(request, info, requestor, progress)
    if (record === 'unrecordable') return unrecordableReply(request)
    progress.record = record
    for (const [key, value] of progress.notes) record?.annotate(key, value)
    record?.took('authentication', authenticatedAt - startedAt)
    const timed = async <T>(part: TimedPart, work: Promise<T>): Promise<T> => {
      const from = clock.monotonic()
      try {
        return await work
      } finally {
        record?.took(part, clock.monotonic() - from)
      }
    }
    const impersonated =
      wanted && (await timed('impersonation', impersonation.impersonate(attributes, wanted)))
    if (impersonated) record?.impersonated(impersonated.user, impersonated.constraint)
    const user = impersonated?.user ?? requestor
    const call: ApiCall = {
      request,
      info,
      user,
      ...(progress.deadlineMs !== undefined && { deadlineMs: progress.deadlineMs }),
      warn: (message) => progress.warnings.add(message),
      ...(record && { annotate: record.annotations }),
    }
    const asked = wanted ? { ...attributes, user } : attributes
    // To refuse costs less than to wait for one's turn, and whoever is refused takes nobody's. Where others have to be
    // asked, they are asked in turn.
    if (authorizer.isLocal) {
      const pending = authorize(this.#authorizer, asked, record)
      if (pending) await timed('authorization', pending)
    }
    const serve = async () => {
      const pending = authorizer.isLocal ? undefined : authorize(this.#authorizer, asked, record)
      if (pending) await timed('authorization', pending)
      return this.#serve(call)
    }
    if (known || (isLongRunning(info) && info.verb !== 'watch')) return serve()
    if (limit.type === 'flowControl') return this.#inTurn(call, limit.flowControl, progress, serve)
    return info.verb === 'watch' ? serve() : this.#withinLimit(call, limit.maxInFlight, serve)
  }

  async #withinLimit(
    { request, info, user }: ApiCall,
    maxInFlight: InFlightLimit,
    serve: () => Promise<HttpReply>,
  ): Promise<HttpReply> {
    if (!maxInFlight.enter(info, user)) {
      this.#options.metrics.observeTermination(request, info, 429)
      return tooManyRequestsReply(1)
    }
    try {
      return await serve()
    } finally {
      maxInFlight.leave(info)
    }
  }

  /** A watch has its turn until it has begun. */
  async #inTurn(
    { request, info, user, annotate }: ApiCall,
    flowControl: FlowControl,
    progress: Progress,
    serve: () => Promise<HttpReply>,
  ): Promise<HttpReply> {
    const { clock } = this.#options
    const from = clock.monotonic()
    const answer = flowControl.admit({
      info,
      user,
      query: request.query,
      waitLimitMs: progress.timeoutMs * waitLimitShare,
      signal: () => request.signal,
    })
    const admission = answer instanceof Promise ? await answer : answer
    annotate?.took?.('apf-queue-wait', clock.monotonic() - from)
    progress.headers = {
      'x-kubernetes-pf-flowschema-uid': admission.flowSchemaUid,
      'x-kubernetes-pf-prioritylevel-uid': admission.priorityLevelUid,
    }
    if (admission.type === 'rejected') {
      this.#options.metrics.observeTermination(request, info, 429)
      return tooManyRequestsReply(admission.retryAfterSeconds)
    }
    let reply: HttpReply
    try {
      reply = await serve()
    } finally {
      admission.end()
    }
    if (info.verb !== 'watch' || (!reply.takeOver && typeof reply.body !== 'function')) return reply
    return { ...reply, ...observingEnd(reply, flowControl.watches.register(info)) }
  }

  #serve(call: ApiCall): HttpReply | Promise<HttpReply> {
    for (const endpoint of this.#options.endpoints) {
      const reply = endpoint(call)
      if (reply) return reply
    }
    return notFoundReply()
  }

  /** What the client is told of a failure; faults of ours are logged, too. */
  #statusOf(error: unknown, request: HttpRequest, info: RequestInfo, progress: Progress): StatusError {
    if (isMistake(error)) progress.fault = error
    if (error instanceof StatusError) {
      if (error.status.code === 401 && error.cause !== undefined) {
        const fields = { path: info.path, remoteAddress: request.remoteAddress, cause: String(error.cause) }
        this.#options.log.info('request was not authenticated', fields)
      }
      return error
    }
    const { stack } = error instanceof Error ? error : new Error(String(error))
    this.#options.log.error('request failed', { method: request.method, path: info.path, error: stack })
    return from(error)
  }

  #commonHeaders({ warnings, headers, auditId }: Progress): HttpReply['headers'] {
    const warning = warnings.headers
    return {
      'audit-id': auditId,
      'cache-control': 'no-cache, private',
      ...headers,
      ...(warning && { warning }),
    }
  }
}

/** What no client and no other machine can bring about: Go would panic. */
function isMistake(error: unknown): boolean {
  const cause = error instanceof StatusError ? error.cause : error
  return cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError
}

/** The one that the client gives, where it can be one. */
function auditIdOf({ headers }: HttpRequest): string {
  const given = headerOf(headers, 'audit-id')
  const isUsable = given && given.length <= maxAuditIdLength && /^[\x21-\x7e]+$/.test(given)
  return isUsable ? given : randomUUID()
}

/** What is streamed, calling `ended` when it is over. */
function observingEnd(
  { body, takeOver }: HttpReply,
  ended: () => void | Promise<void>,
): Pick<HttpReply, 'body' | 'takeOver'> {
  return {
    ...(typeof body === 'function' && { body: (sink) => body(sink).finally(ended) }),
    ...(takeOver && { takeOver: (upgrade) => takeOver(upgrade).finally(ended) }),
  }
}

/** What is streamed, calling `ended` with all of it when it is over. */
function collecting(
  stream: (sink: ByteSink) => Promise<void>,
  ended: (bytes: Buffer) => unknown,
): (sink: ByteSink) => Promise<void> {
  return async (sink) => {
    const chunks: Buffer[] = []
    const tee: ByteSink = {
      get closed() {
        return sink.closed
      },
      close: () => sink.close(),
      onClose: (handler) => sink.onClose(handler),
      write(chunk) {
        chunks.push(chunk)
        return sink.write(chunk)
      },
    }
    try {
      await stream(tee)
    } finally {
      await ended(Buffer.concat(chunks))
    }
  }
}

/** The length of the body, where it is known before it is sent. */
function lengthOf({ headers }: HttpReply): number | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}

function credentialsOf(
  { headers, certificate, remoteAddress }: HttpRequest,
  { notes, warnings }: Progress,
): Credentials {
  const annotate = (key: string, value: string) => void notes.push([key, value])
  return { headers, ...(certificate && { certificate }), remoteAddress, annotate, warnings }
}

/**
 * Throws Forbidden unless the action is allowed; an internal error when nobody could tell. At once where the authoriser
 * answers at once: a promise that is rejected before anybody waits for it costs more than to decide.
 */
export function authorize(
  authorizer: Authorizer,
  attributes: Attributes,
  record?: AuditRecord,
): void | Promise<void> {
  const answer = authorizer.authorize(attributes)
  if (answer instanceof Promise) return answer.then((decision) => settle(decision, attributes, record))
  settle(answer, attributes, record)
}

function settle(decision: Decision, attributes: Attributes, record: AuditRecord | undefined): void {
  record?.decided(decision)
  if (decision.type === 'allow') return
  if (decision.error) throw internalError(decision.error)
  throw forbidden(attributes, decision.reason)
}

const longRunningSubresources = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])

/** Source: k8s.io/apiserver, genericfilters.BasicLongRunningRequestCheck. */
function isLongRunning(info: RequestInfo): boolean {
  return info.verb === 'watch' || info.verb === 'proxy' || longRunningSubresources.has(info.subresource)
}

/** Source: k8s.io/apiserver/pkg/endpoints/handlers/responsewriters, InternalError. */
function unrecordableReply({ url }: HttpRequest): HttpReply {
  const shown = goQuote(url.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'))
  return textReply(500, `Internal Server Error: ${shown}: failed to store audit event\n`)
}

/** What Go's net/http says where nothing is served. */
function notFoundReply(): HttpReply {
  const body = Buffer.from('404 page not found\n')
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': body.length,
  }
  return { status: 404, headers, body }
}
