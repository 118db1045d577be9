import type { Clock } from '../../machinery/clock.ts'
import { formatDuration } from '../../machinery/duration.ts'
import type { KubernetesObject, Status } from '../../machinery/meta.ts'
import { formatMicroTime } from '../../machinery/time.ts'
import { attributesOf } from '../authorization/attributes.ts'
import type { Attributes, Decision } from '../authorization/authorizer.ts'
import type { User } from '../authentication/authenticator.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import type { Annotate, TimedPart } from '../registry/request.ts'
import type { RequestInfo } from '../request-info.ts'
import type { AuditBackend, AuditEvent, AuditUser, ObjectReference } from './audit-event.ts'
import type { AuditMetrics } from './audit-metrics.ts'
import { httpOrigin, httpOutcome, type AuditOrigin, type AuditOutcome } from './audit-origin.ts'
import {
  levels,
  recordingOf,
  type AuditPolicy,
  type Level,
  type Recording,
  type Stage,
} from './audit-policy.ts'

export interface AuditOptions {
  readonly policy: AuditPolicy
  readonly backends: readonly AuditBackend[]
}

/** Of requests that take longer it is recorded what took so long. */
const slowMs = 500
/** Who a request comes from whose user is not known. */
const nobody: User = { name: '', groups: [] }

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
  begin(
    request: HttpRequest,
    info: RequestInfo,
    user: User,
    { auditId, receivedMs }: { readonly auditId: string; readonly receivedMs: number },
  ): Promise<Begun> {
    return this.#begin(this.#recordOfHttp(request, info, user, auditId, receivedMs))
  }

  /** As begin, for a request that did not come over HTTP. */
  beginFrom(origin: AuditOrigin, attributes: Attributes, auditId: string): Promise<Begun> {
    return this.#begin(this.#recordOf(() => origin, attributes, auditId))
  }

  /** A request that is answered before anybody knows, or has to know, whose it is. */
  async refused(request: HttpRequest, info: RequestInfo, auditId: string, reply: HttpReply): Promise<void> {
    await this.#recordOfHttp(request, info, nobody, auditId)?.started(reply)
  }

  async close(): Promise<void> {
    for (const backend of this.#options.backends) await backend.close()
  }

  async #begin(record: AuditRecord | undefined): Promise<Begun> {
    if (!record || (await record.received())) return record
    this.#metrics.rejectedRequests.add()
    return 'unrecordable'
  }

  #recordOfHttp(request: HttpRequest, info: RequestInfo, user: User, auditId: string, receivedMs?: number) {
    // What an object is called is metadata, too.
    const origin = () => httpOrigin(request, info.isResourceRequest)
    return this.#recordOf(origin, attributesOf(info, user), auditId, receivedMs)
  }

  #recordOf(
    origin: () => AuditOrigin,
    attributes: Attributes,
    auditId: string,
    receivedMs = this.#clock.now(),
  ): AuditRecord | undefined {
    const recording = recordingOf(this.#options.policy, attributes)
    this.#metrics.observeLevel(recording.level)
    if (recording.level === 'None') return undefined
    return new AuditRecord({
      origin: origin(),
      attributes,
      auditId,
      receivedMs,
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

/** What beginning to record came to. */
type Begun = AuditRecord | undefined | 'unrecordable'

interface Recorded {
  readonly origin: AuditOrigin
  readonly attributes: Attributes
  readonly auditId: string
  /** In milliseconds since the epoch. */
  readonly receivedMs: number
  readonly recording: Recording
  readonly clock: Clock
  process(event: AuditEvent): boolean | Promise<boolean>
}

/** What is recorded of one request, while it goes on. A promise resolves when the event is where it must be before the request goes on. */
export class AuditRecord {
  readonly #recorded: Recorded
  readonly #parts = new Map<TimedPart, number>()
  readonly #annotations: Record<string, string> = {}
  #impersonated: Pick<AuditEvent, 'impersonatedUser' | 'authenticationMetadata'> = {}

  constructor(recorded: Recorded) {
    this.#recorded = recorded
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

  /** What was said first stays. `level`: from which on it is recorded. */
  annotate(key: string, value: string, level: Level = 'Metadata'): void {
    if (this.#records(level)) this.#annotations[key] ??= value
  }

  /** Of webhooks that validate, which are asked all at once, the longest counts; other parts come one after the other. */
  took(part: TimedPart, milliseconds: number): void {
    const before = this.#parts.get(part) ?? 0
    this.#parts.set(
      part,
      part === 'validating-webhook' ? Math.max(before, milliseconds) : before + milliseconds,
    )
  }

  /** What others may say of the request. */
  get annotations(): Annotate {
    const annotate: Annotate = (key, value, level) => this.annotate(key, value, level)
    return Object.assign(annotate, {
      took: (part: TimedPart, milliseconds: number) => this.took(part, milliseconds),
    })
  }

  /** False where the event could not be recorded and must be. */
  received(): boolean | Promise<boolean> {
    return this.#emit('RequestReceived')
  }

  /** The answer to a watch or a connection begins, or a request is refused at the door. */
  started(reply: HttpReply): boolean | Promise<boolean> {
    return this.begun(httpOutcome(reply))
  }

  completed(reply: HttpReply): boolean | Promise<boolean> {
    return this.ended(httpOutcome(reply))
  }

  begun(outcome: AuditOutcome): boolean | Promise<boolean> {
    return this.#emit('ResponseStarted', this.#answered(outcome))
  }

  ended(outcome: AuditOutcome): boolean | Promise<boolean> {
    this.#explainSlowness()
    return this.#emit('ResponseComplete', this.#answered(outcome))
  }

  /** The server has made a mistake in serving the request. */
  panicked(cause: unknown): boolean | Promise<boolean> {
    const message = `APIServer panic'd: ${cause instanceof Error ? cause.message : String(cause)}`
    return this.#emit('Panic', {
      responseStatus: { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 },
    })
  }

  /** Source: k8s.io/apiserver/pkg/endpoints/filters/audit.go (writeLatencyToAnnotation). */
  #explainSlowness(): void {
    const { attributes, receivedMs, clock } = this.#recorded
    const totalMs = clock.now() - receivedMs
    const parts = [...this.#parts].filter(([, milliseconds]) => milliseconds > 0)
    if (totalMs <= slowMs || attributes.verb === 'watch' || parts.length === 0) return
    for (const [part, milliseconds] of [...parts, ['total', totalMs] as const]) {
      this.annotate(`apiserver.latency.k8s.io/${part}`, formatDuration(milliseconds))
    }
  }

  /** Whether the object that is answered is recorded. */
  get wantsAnswer(): boolean {
    return this.#records('RequestResponse') && this.#recorded.attributes.isResourceRequest
  }

  #answered(outcome: AuditOutcome): Pick<AuditEvent, 'responseStatus' | 'responseObject'> {
    const { code } = outcome
    // Of failures always, of others where they are recorded.
    const object = code >= 400 || this.#records('RequestResponse') ? outcome.object() : undefined
    const status = object?.kind === 'Status' ? statusIn(object) : undefined
    return {
      responseStatus: { metadata: {}, ...status, code },
      ...(this.wantsAnswer && object && { responseObject: this.#shown(object) }),
    }
  }

  #records(level: Recording['level']): boolean {
    return levels.indexOf(this.#recorded.recording.level) >= levels.indexOf(level)
  }

  #shown(object: KubernetesObject): KubernetesObject {
    if (!this.#recorded.recording.omitManagedFields) return object
    const { items, rows } = object as { items?: readonly KubernetesObject[]; rows?: readonly TableRow[] }
    return {
      ...withoutManagedFields(object),
      ...(items && { items: items.map(withoutManagedFields) }),
      ...(rows && { rows: rows.map((row) => ({ ...row, object: withoutManagedFields(row.object) })) }),
    }
  }

  #emit(
    stage: Stage,
    more: Pick<AuditEvent, 'responseStatus' | 'responseObject'> = {},
  ): boolean | Promise<boolean> {
    const { origin, attributes, auditId, receivedMs, recording, clock } = this.#recorded
    if (recording.omitStages.includes(stage)) return true
    const { requestURI, userAgent, sourceIPs } = origin
    const sent = stage === 'RequestReceived' ? undefined : origin.sent()
    const objectRef = attributes.isResourceRequest ? referenceOf(attributes, sent) : undefined
    const event: AuditEvent = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: recording.level,
      auditID: auditId,
      stage,
      requestURI,
      verb: attributes.verb,
      user: auditUser(attributes.user),
      ...this.#impersonated,
      sourceIPs,
      ...(userAgent && { userAgent }),
      ...(objectRef && { objectRef }),
      ...(more.responseStatus && { responseStatus: more.responseStatus }),
      ...(sent && this.#records('Request') && { requestObject: this.#shown(sent) }),
      ...(more.responseObject && { responseObject: more.responseObject }),
      requestReceivedTimestamp: formatMicroTime(receivedMs),
      stageTimestamp: formatMicroTime(stage === 'RequestReceived' ? receivedMs : clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    }
    return this.#recorded.process(event)
  }
}

function auditUser({ name, uid, groups, extra }: User): AuditUser {
  return {
    ...(name && { username: name }),
    ...(uid && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra && Object.keys(extra).length > 0 && { extra }),
  }
}

function referenceOf(info: Attributes, sent: KubernetesObject | undefined): ObjectReference {
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

interface TableRow {
  readonly object?: KubernetesObject
}

function withoutManagedFields<T extends KubernetesObject | undefined>(object: T): T {
  if (!object?.metadata || !('managedFields' in object.metadata)) return object
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
