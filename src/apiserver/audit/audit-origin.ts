import { constants, gunzipSync } from 'node:zlib'
import { decodeProtobufBody, decodeYamlBody } from '../../api/decode-body.ts'
import { schemaOf } from '../../api/scheme.ts'
import { parseWithLongIntegers } from '../../machinery/long-integers.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { headerOf, type HttpReply, type HttpRequest } from '../http/http-exchange.ts'
import { bodyMediaType } from '../http/negotiate.ts'

/** Where a request comes from, and what came with it. */
export interface AuditOrigin {
  readonly requestURI: string
  readonly userAgent: string | undefined
  readonly sourceIPs: readonly string[]
  /** What was sent: undefined until it has been read, and for what is no object. */
  sent(): KubernetesObject | undefined
}

/** What a request came to. */
export interface AuditOutcome {
  readonly code: number
  /** The object that is answered; undefined where there is none. */
  object(): KubernetesObject | undefined
}

const maxUserAgentLength = 1024

/** `keepsBody`: whether what is sent shall be known, when it is read. */
export function httpOrigin(request: HttpRequest, keepsBody: boolean): AuditOrigin {
  let body: Buffer | undefined
  if (keepsBody) keepBody(request, (bytes) => (body = bytes))
  return {
    requestURI: request.url,
    userAgent: shortened(headerOf(request.headers, 'user-agent')),
    sourceIPs: sourcesOf(request),
    sent: () => body && decode(body, bodyMediaType(request)),
  }
}

/** Has the request's body kept when it is read: it is read once. */
function keepBody(request: HttpRequest, keep: (body: Buffer) => void): void {
  const read = (maxBytes: number) =>
    Object.getPrototypeOf(request).body.call(request, maxBytes) as Promise<Buffer>
  Object.defineProperty(request, 'body', {
    value: async (maxBytes: number) => {
      const body = await read(maxBytes)
      keep(body)
      return body
    },
  })
}

export function httpOutcome(reply: HttpReply): AuditOutcome {
  return {
    code: reply.status,
    object() {
      const body = unpackedBody(reply)
      return body?.length ? decode(body, String(reply.headers['content-type'] ?? '')) : undefined
    },
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
    if (type.endsWith('json')) return parseWithLongIntegers(body.toString()) as KubernetesObject
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
