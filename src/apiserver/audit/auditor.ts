import { constants, gunzipSync } from 'node:zlib'
import { decodeProtobufBody, decodeYamlBody } from '../../api/decode-body.ts'
import { schemaOf } from '../../api/scheme.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { KubernetesObject, Status } from '../../machinery/meta.ts'
import { formatMicroTime } from '../../machinery/time.ts'
import { attributesOf } from '../authorization/attributes.ts'
import type { Decision } from '../authorization/authorizer.ts'
import type { User } from '../authentication/authenticator.ts'
import { headerOf, type HttpReply, type HttpRequest } from '../http/http-exchange.ts'
import { bodyMediaType } from '../http/negotiate.ts'
import type { RequestInfo } from '../request-info.ts'
import type { AuditBackend, AuditEvent, AuditUser, ObjectReference } from './audit-event.ts'
import type { AuditMetrics } from './audit-metrics.ts'
import { levels, recordingOf, type AuditPolicy, type Recording, type Stage } from './audit-policy.ts'

export interface AuditOptions {
  readonly policy: AuditPolicy
  readonly backends: readonly AuditBackend[]
}

/** Who a request comes from whose user is not known. */
const nobody: User = { name: '', groups: [] }
const maxUserAgentLength = 1024

/** Records requests as the policy says. Source: k8s.io/apiserver/pkg/audit, pkg/endpoints/filters/audit.go. */
export class Auditor {
  readonly #options: AuditOptions
  readonly #clock: Clock
  readonly #metrics: AuditMetrics

  constructor(options: AuditOptions, clock: Clock, metrics: AuditMetrics) {
    this.#options = options
    this.#clock = clock
    this.#metrics = metrics
  }

  /**
   * The record of a request whose user is known; undefined where nothing of it is recorded. `unrecordable`: it had to be
   * recorded, could not be, and must not go on.
   */
  async begin(
    request: HttpRequest,
    info: RequestInfo,
    user: User,
    auditId: string,
  ): Promise<AuditRecord | undefined | 'unrecordable'> {
    const record = this.#recordOf(request, info, user, auditId)
    if (!record || (await record.received())) return record
    this.#metrics.rejectedRequests.add()
    return 'unrecordable'
  }

  /** A request that is answered before anybody knows, or has to know, whose it is. */
  async refused(request: HttpRequest, info: RequestInfo, auditId: string, reply: HttpReply): Promise<void> {
    await this.#recordOf(request, info, nobody, auditId)?.started(reply)
  }

  async close(): Promise<void> {
    for (const backend of this.#options.backends) await backend.close()
  }

  #recordOf(request: HttpRequest, info: RequestInfo, user: User, auditId: string): AuditRecord | undefined {
    const recording = recordingOf(this.#options.policy, attributesOf(info, user))
    this.#metrics.observeLevel(recording.level)
    if (recording.level === 'None') return undefined
    return new AuditRecord({
      request,
      info,
      user,
      auditId,
      recording,
      clock: this.#clock,
      process: (event) => this.#process(event),
    })
  }

  #process(event: AuditEvent): boolean | Promise<boolean> {
    this.#metrics.events.add()
    const answers = this.#options.backends.map((backend) => backend.process([event]))
    if (answers.some((answer) => answer instanceof Promise)) {
      return Promise.all(answers.map(async (answer) => answer)).then((all) => all.every(Boolean))
    }
    return answers.every(Boolean)
  }
}

interface Recorded {
  readonly request: HttpRequest
  readonly info: RequestInfo
  readonly user: User
  readonly auditId: string
  readonly recording: Recording
  readonly clock: Clock
  process(event: AuditEvent): boolean | Promise<boolean>
}

/** What is recorded of one request, while it goes on. A promise resolves when the event is where it must be before the request goes on. */
export class AuditRecord {
  readonly #recorded: Recorded
  readonly #receivedMs: number
  readonly #annotations: Record<string, string> = {}
  #impersonated: Pick<AuditEvent, 'impersonatedUser' | 'authenticationMetadata'> = {}
  #requestBody: Buffer | undefined

  constructor(recorded: Recorded) {
    this.#recorded = recorded
    this.#receivedMs = recorded.clock.now()
    // What an object is called is metadata, too.
    if (recorded.info.isResourceRequest) this.#keepBody(recorded.request)
  }

  impersonated(user: User, constraint: string): void {
    this.#impersonated = {
      impersonatedUser: auditUser(user),
      ...(constraint && { authenticationMetadata: { impersonationConstraint: constraint } }),
    }
  }

  decided(decision: Decision): void {
    const { type, reason } = decision
    if (type !== 'allow' && decision.error)
      return this.annotate('authorization.k8s.io/reason', 'internal error')
    this.annotate('authorization.k8s.io/decision', type === 'allow' ? 'allow' : 'forbid')
    this.annotate('authorization.k8s.io/reason', reason)
  }

  /** What was said first stays. */
  annotate(key: string, value: string): void {
    this.#annotations[key] ??= value
  }

  /** False where the event could not be recorded and must be. */
  received(): boolean | Promise<boolean> {
    return this.#emit('RequestReceived')
  }

  /** The answer to a watch or a connection begins, or a request is refused at the door. */
  started(reply: HttpReply): boolean | Promise<boolean> {
    return this.#emit('ResponseStarted', this.#answered(reply))
  }

  completed(reply: HttpReply): boolean | Promise<boolean> {
    return this.#emit('ResponseComplete', this.#answered(reply))
  }

  /** The server has made a mistake in serving the request. */
  panicked(cause: unknown): boolean | Promise<boolean> {
    const message = `APIServer panic'd: ${cause instanceof Error ? cause.message : String(cause)}`
    return this.#emit('Panic', {
      responseStatus: { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 },
    })
  }

  /** Whether the object that is answered is recorded. */
  get wantsAnswer(): boolean {
    return this.#records('RequestResponse') && this.#recorded.info.isResourceRequest
  }

  #answered(reply: HttpReply): Pick<AuditEvent, 'responseStatus' | 'responseObject'> {
    const object = this.#objectIn(
      unpackedBody(reply),
      String(reply.headers['content-type'] ?? ''),
      reply.status,
    )
    const status = object?.kind === 'Status' ? statusIn(object) : undefined
    return {
      responseStatus: { metadata: {}, ...status, code: reply.status },
      ...(this.wantsAnswer && object && { responseObject: this.#shown(object) }),
    }
  }

  #records(level: Recording['level']): boolean {
    return levels.indexOf(this.#recorded.recording.level) >= levels.indexOf(level)
  }

  /** Has the request's body kept when it is read: it is read once. */
  #keepBody(request: HttpRequest): void {
    const read = (maxBytes: number) =>
      Object.getPrototypeOf(request).body.call(request, maxBytes) as Promise<Buffer>
    Object.defineProperty(request, 'body', {
      value: async (maxBytes: number) => (this.#requestBody = await read(maxBytes)),
    })
  }

  /** Of failures always, of others where they are recorded. */
  #objectIn(body: Buffer | undefined, mediaType: string, code: number): KubernetesObject | undefined {
    if (!body?.length || (code < 400 && !this.#records('RequestResponse'))) return undefined
    return decode(body, mediaType)
  }

  #shown(object: KubernetesObject): KubernetesObject {
    if (!this.#recorded.recording.omitManagedFields) return object
    const { items } = object as { items?: readonly KubernetesObject[] }
    return { ...withoutManagedFields(object), ...(items && { items: items.map(withoutManagedFields) }) }
  }

  #emit(
    stage: Stage,
    more: Pick<AuditEvent, 'responseStatus' | 'responseObject'> = {},
  ): boolean | Promise<boolean> {
    const { request, info, user, auditId, recording, clock } = this.#recorded
    if (recording.omitStages.includes(stage)) return true
    const body = this.#requestBody
    const sent = body && stage !== 'RequestReceived' ? decode(body, bodyMediaType(request)) : undefined
    const objectRef = info.isResourceRequest ? referenceOf(info, sent) : undefined
    const userAgent = shortened(headerOf(request.headers, 'user-agent'))
    const event: AuditEvent = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: recording.level,
      auditID: auditId,
      stage,
      requestURI: request.url,
      verb: info.verb,
      user: auditUser(user),
      ...this.#impersonated,
      sourceIPs: sourcesOf(request),
      ...(userAgent && { userAgent }),
      ...(objectRef && { objectRef }),
      ...(more.responseStatus && { responseStatus: more.responseStatus }),
      ...(sent && this.#records('Request') && { requestObject: this.#shown(sent) }),
      ...(more.responseObject && { responseObject: more.responseObject }),
      requestReceivedTimestamp: formatMicroTime(this.#receivedMs),
      stageTimestamp: formatMicroTime(stage === 'RequestReceived' ? this.#receivedMs : clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    }
    return this.#recorded.process(event)
  }
}

function unpackedBody({ body, headers }: HttpReply): Buffer | undefined {
  if (!Buffer.isBuffer(body)) return undefined
  return headers['content-encoding'] === 'gzip'
    ? gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH })
    : body
}

function shortened(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent.length <= maxUserAgentLength) return userAgent
  return `${userAgent.slice(0, maxUserAgentLength)}...TRUNCATED`
}

function auditUser({ name, uid, groups, extra }: User): AuditUser {
  return {
    ...(name && { username: name }),
    ...(uid && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra && Object.keys(extra).length > 0 && { extra }),
  }
}

function referenceOf(info: RequestInfo, sent: KubernetesObject | undefined): ObjectReference {
  const { resource, namespace, group, version, subresource } = info
  // A patch says what is to become of an object, and not which one it is.
  const { uid, resourceVersion, name: sentName } = (info.verb === 'patch' ? undefined : sent?.metadata) ?? {}
  const name = info.name || sentName
  return {
    resource,
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(uid && { uid }),
    ...(group && { apiGroup: group }),
    apiVersion: version,
    ...(resourceVersion && { resourceVersion }),
    ...(subresource && { subresource }),
  }
}

function sourcesOf({ headers, remoteAddress }: HttpRequest): readonly string[] {
  const forwarded = headerOf(headers, 'x-forwarded-for')?.split(',') ?? []
  const sources = [...forwarded.map((address) => address.trim()), remoteAddress].filter(Boolean)
  return sources.filter((address, index) => sources.indexOf(address) === index)
}

/** Undefined for what is no object: a body of another kind is not recorded. */
function decode(body: Buffer, mediaType: string): KubernetesObject | undefined {
  const type = mediaType.split(';')[0]!.trim()
  try {
    // Patches are recorded as they are, whatever they patch.
    if (type.endsWith('json')) return JSON.parse(body.toString()) as KubernetesObject
    if (type === 'application/yaml' || type === 'application/apply-patch+yaml') {
      return decodeYamlBody(body, { schemaOf }).object
    }
    return type.startsWith('application/vnd.kubernetes.protobuf')
      ? decodeProtobufBody(body, { schemaOf }).object
      : undefined
  } catch {
    // What the server could not read either; it has said so.
    return undefined
  }
}

function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  if (!object.metadata || !('managedFields' in object.metadata)) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

function statusIn(object: KubernetesObject): Pick<Status, 'status' | 'message' | 'reason' | 'details'> {
  const { status, message, reason, details } = object as unknown as Status
  return {
    ...(status && { status }),
    ...(message && { message }),
    ...(reason && { reason }),
    ...(details && { details }),
  }
}
