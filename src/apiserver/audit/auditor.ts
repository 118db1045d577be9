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
import type { AuditEvent, AuditSink, AuditUser, ObjectReference } from './audit-event.ts'
import { levels, recordingOf, type AuditPolicy, type Recording, type Stage } from './audit-policy.ts'

export interface AuditOptions {
  readonly policy: AuditPolicy
  readonly sinks: readonly AuditSink[]
}

/** Records requests as the policy says. Source: k8s.io/apiserver/pkg/audit, pkg/endpoints/filters/audit.go. */
export class Auditor {
  readonly #options: AuditOptions
  readonly #clock: Clock

  constructor(options: AuditOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** The record of a request whose user is known; undefined where nothing of it is recorded. */
  begin(request: HttpRequest, info: RequestInfo, user: User, auditId: string): AuditRecord | undefined {
    const recording = recordingOf(this.#options.policy, attributesOf(info, user))
    if (recording.level === 'None') return undefined
    const { sinks } = this.#options
    return new AuditRecord({ request, info, user, auditId, recording, sinks, clock: this.#clock })
  }

  async close(): Promise<void> {
    for (const sink of this.#options.sinks) await sink.close()
  }
}

interface Recorded {
  readonly request: HttpRequest
  readonly info: RequestInfo
  readonly user: User
  readonly auditId: string
  readonly recording: Recording
  readonly sinks: readonly AuditSink[]
  readonly clock: Clock
}

/** What is recorded of one request, while it goes on. */
export class AuditRecord {
  readonly #recorded: Recorded
  readonly #receivedMs: number
  readonly #annotations: Record<string, string> = {}
  #impersonated: Pick<AuditEvent, 'impersonatedUser' | 'authenticationMetadata'> = {}
  #requestBody: Buffer | undefined

  constructor(recorded: Recorded) {
    this.#recorded = recorded
    this.#receivedMs = recorded.clock.now()
    if (this.#records('Request') && recorded.info.isResourceRequest) this.#keepBody(recorded.request)
    this.#emit('RequestReceived')
  }

  impersonated(user: User, constraint: string): void {
    this.#impersonated = {
      impersonatedUser: auditUser(user),
      ...(constraint && { authenticationMetadata: { impersonationConstraint: constraint } }),
    }
  }

  decided({ type, reason }: Decision): void {
    this.annotate('authorization.k8s.io/decision', type === 'allow' ? 'allow' : 'forbid')
    this.annotate('authorization.k8s.io/reason', reason)
  }

  /** What was said first stays. */
  annotate(key: string, value: string): void {
    this.#annotations[key] ??= value
  }

  /** The answer to a watch or a connection begins. */
  started(reply: HttpReply): void {
    this.#emit('ResponseStarted', { responseStatus: { metadata: {}, code: reply.status } })
  }

  completed(reply: HttpReply): void {
    const body = Buffer.isBuffer(reply.body) ? reply.body : undefined
    const object = this.#objectIn(body, String(reply.headers['content-type'] ?? ''), reply.status)
    const status = object?.kind === 'Status' ? statusIn(object) : undefined
    const recordsObject = this.#records('RequestResponse') && this.#recorded.info.isResourceRequest
    this.#emit('ResponseComplete', {
      responseStatus: { metadata: {}, ...status, code: reply.status },
      ...(recordsObject && object && { responseObject: this.#shown(object) }),
    })
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

  #emit(stage: Stage, more: Pick<AuditEvent, 'responseStatus' | 'responseObject'> = {}): void {
    const { request, info, user, auditId, recording, sinks, clock } = this.#recorded
    if (recording.omitStages.includes(stage)) return
    const body = this.#requestBody
    const sent = body && stage !== 'RequestReceived' ? decode(body, bodyMediaType(request)) : undefined
    const objectRef = info.isResourceRequest ? referenceOf(info, sent) : undefined
    const userAgent = headerOf(request.headers, 'user-agent')
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
      ...(sent && { requestObject: this.#shown(sent) }),
      ...(more.responseObject && { responseObject: more.responseObject }),
      requestReceivedTimestamp: formatMicroTime(this.#receivedMs),
      stageTimestamp: formatMicroTime(clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    }
    for (const sink of sinks) sink.write(event)
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

function referenceOf(info: RequestInfo, sent: KubernetesObject | undefined): ObjectReference {
  const { resource, namespace, group, version, subresource } = info
  const { uid, resourceVersion, name: sentName } = sent?.metadata ?? {}
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
