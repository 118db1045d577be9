import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { checkServerIdentity, getCACertificates, type PeerCertificate } from 'node:tls'
import type { WebhookClientConfig } from '../../api/generated/admissionregistration.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import { genericServerResponse } from '../../machinery/generic-server-response.ts'
import { goJsonLine } from '../../machinery/go-json.ts'
import { parseWithLongIntegers } from '../../machinery/long-integers.ts'
import type { JsonValue, Status } from '../../machinery/meta.ts'
import type { Counter, Metrics } from '../../machinery/metrics.ts'
import { fromStatus } from '../../machinery/status-errors.ts'
import type { StatusError } from '../../machinery/status.ts'
import { describeFailure, postError, WebhookCallError } from './call-error.ts'
import type { ServiceResolver } from './service-resolver.ts'
import { webhookAddress, type WebhookAddress } from './webhook-address.ts'
import type { IdentityFor, WebhookIdentity } from './webhook-identity.ts'

export interface WebhookClientOptions {
  readonly resolve: ServiceResolver
  readonly clock: Clock
  readonly metrics?: Metrics
}

export interface CallOptions {
  /** Default 30 seconds. The webhook is told, in whole seconds. */
  readonly timeoutMs?: number
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
  /** Who the webhook is told that it is who calls. Default: nobody. */
  readonly identityFor?: IdentityFor
  /** A longer answer is a failure. Default 16 MiB. */
  readonly maxResponseBytes?: number
}

const defaultTimeoutMs = 30_000
const defaultMaxResponseBytes = 16 * 1024 * 1024
/** As Go's default transport. */
const idleTimeoutMs = 90_000
/** Bundles that are remembered decoded; certificates come and go. */
const maxAuthorities = 200
/** As client-go, for servers that say when to come again. */
const maxRetries = 10

/** Where a webhook is, and whom it is trusted to be: of webhook configurations and CustomResourceDefinitions alike. */
export type WebhookTarget = Pick<WebhookClientConfig, 'url' | 'service' | 'caBundle'>

interface Callee extends WebhookTarget {
  readonly identity: WebhookIdentity | undefined
}

/**
 * Calls webhooks: one POST of JSON over HTTPS, answered by JSON. Connections are kept and used again; they speak
 * HTTP/1.1, as upstream's, so that concurrent calls spread over the endpoints of a Service. Redirects are not followed.
 * Source: k8s.io/apiserver/pkg/util/webhook, and k8s.io/client-go/rest for the wording of failures.
 */
export class WebhookClient {
  readonly #agent = new Agent({
    keepAlive: true,
    timeout: idleTimeoutMs,
    // Connections of requests with a check of their own would not be used again.
    checkServerIdentity: namedInCertificate,
  })
  readonly #resolve: ServiceResolver
  readonly #clock: Clock
  readonly #missingNames: Counter | undefined
  readonly #authorities = new Map<string, string>()

  constructor({ resolve, clock, metrics }: WebhookClientOptions) {
    this.#resolve = resolve
    this.#clock = clock
    this.#missingNames = metrics
      ?.counter({
        name: 'apiserver_webhooks_x509_missing_san_total',
        help: 'Connections to webhooks that failed since their certificate names nobody but in its subject.',
      })
      .with({})
  }

  /**
   * What the webhook answers. Throws a StatusError when it answers with a failure, a WebhookCallError when it is not
   * reached or answers with something else than JSON.
   */
  async call(target: WebhookTarget, body: unknown, options: CallOptions = {}): Promise<JsonValue> {
    const { timeoutMs = defaultTimeoutMs, signal, identityFor } = options
    const address = webhookAddress(target, Math.ceil(timeoutMs / 1000))
    const bytes = Buffer.from(goJsonLine(body))
    const ended = new AbortController()
    const cancelTimeout = this.#clock.after(timeoutMs, () =>
      ended.abort(postError(address.url, 'context deadline exceeded')),
    )
    const onAbort = () => ended.abort(postError(address.url, 'context canceled'))
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const identity = await identityFor?.(targetName(address))
      return await this.#callUntilAnswered({ ...target, identity }, address, bytes, ended.signal, options)
    } finally {
      cancelTimeout()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #callUntilAnswered(
    target: Callee,
    address: WebhookAddress,
    body: Buffer,
    signal: AbortSignal,
    { maxResponseBytes = defaultMaxResponseBytes }: CallOptions,
  ): Promise<JsonValue> {
    for (let tries = 0; ; tries++) {
      const response = await this.#send(target, address, body, signal)
      const text = await readText(response, maxResponseBytes, signal)
      const afterMs = retryAfterMs(response)
      if (afterMs === undefined || tries === maxRetries) return answerOf(response, text)
      await this.#pause(afterMs, signal)
    }
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        cancel()
        reject(signal.reason as Error)
      }
      const cancel = this.#clock.after(delayMs, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** A connection that its server closed meanwhile is replaced, once: nobody has looked at the request. */
  async #send(
    target: Callee,
    address: WebhookAddress,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const endpoint = this.#endpointOf(address)
    const attempt = () => this.#sendOnce(target, address, endpoint, body, signal)
    const first = await attempt()
    const outcome = first.type === 'stale' ? await attempt() : first
    if (outcome.type === 'response') return outcome.response
    if (signal.aborted) throw signal.reason
    const { error } = outcome
    const { host, port } = endpoint
    const fault = describeFailure(error, { host, port, serverName: address.serverName }, this.#clock)
    if (fault.includes('legacy Common Name')) this.#missingNames?.add()
    throw postError(address.url, fault, error)
  }

  #endpointOf({ target, url }: WebhookAddress) {
    if (target.type === 'host') return { host: target.host, port: target.port }
    try {
      return this.#resolve(target.namespace, target.name, target.port)
    } catch (error) {
      throw postError(url, error instanceof Error ? error.message : String(error), error)
    }
  }

  #sendOnce(
    { caBundle = '', identity }: Callee,
    { path, authority, serverName }: WebhookAddress,
    { host, port }: { readonly host: string; readonly port: number },
    body: Buffer,
    signal: AbortSignal,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve({ type: 'failure', error: signal.reason })
      const request = httpsRequest({
        host,
        port,
        path,
        method: 'POST',
        headers: {
          host: authority,
          'content-type': 'application/json',
          'content-length': body.length,
          accept: 'application/json, */*',
          'user-agent': 'kube-apiserver-admission',
          ...identity?.headers,
        },
        ...(identity?.certificate && { cert: identity.certificate, key: identity.key }),
        agent: this.#agent,
        ca: this.#authoritiesOf(caBundle),
        servername: serverName,
        allowPartialTrustChain: true,
      })
      const onAbort = () => request.destroy(signal.reason as Error)
      signal.addEventListener('abort', onAbort, { once: true })
      const settle = (outcome: Outcome) => {
        if (outcome.type !== 'response') signal.removeEventListener('abort', onAbort)
        resolve(outcome)
      }
      request.once('response', (response) => {
        response.once('close', () => signal.removeEventListener('abort', onAbort))
        settle({ type: 'response', response })
      })
      request.on('error', (error: Error & { code?: string }) => {
        const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        settle({ type: isStale && !signal.aborted ? 'stale' : 'failure', error })
      })
      request.end(body)
    })
  }

  /** PEM, the same text each time: connections are told apart by it. */
  #authoritiesOf(caBundle: string): string {
    let pem = this.#authorities.get(caBundle)
    if (pem === undefined) {
      pem = Buffer.from(caBundle, 'base64').toString().trim()
      if (pem === '') pem = trustedByTheMachine()
      if (this.#authorities.size === maxAuthorities) this.#authorities.clear()
      this.#authorities.set(caBundle, pem)
    }
    return pem
  }
}

/** What it is called in kubeconfigs that say who to be. */
function targetName({ target }: WebhookAddress): string {
  if (target.type === 'service') return `${target.name}.${target.namespace}.svc:${target.port}`
  return `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`
}

function trustedByTheMachine(): string {
  const system = getCACertificates('system')
  return (system.length > 0 ? system : getCACertificates('default')).join('\n')
}

type Outcome =
  | { readonly type: 'response'; readonly response: IncomingMessage }
  | { readonly type: 'failure'; readonly error: unknown }
  /** The connection had been used before, and was gone. */
  | { readonly type: 'stale'; readonly error: unknown }

/** As Go: a certificate says in its alternative names whom it is for; its subject does not count. */
function namedInCertificate(name: string, certificate: PeerCertificate): Error | undefined {
  const { subjectaltname = '' } = certificate
  if (isIP(name) !== 0 || /(^|, )DNS:/.test(subjectaltname)) return checkServerIdentity(name, certificate)
  const error: Error & { code?: string; cert?: PeerCertificate } = new Error(`${name} is not among the names`)
  error.code = 'ERR_TLS_CERT_ALTNAME_INVALID'
  error.cert = certificate
  return error
}

async function readText(response: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response) {
      size += (chunk as Buffer).length
      if (size > maxBytes) {
        response.destroy()
        throw new WebhookCallError(`the response is larger than ${maxBytes} bytes`)
      }
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if (error instanceof WebhookCallError) throw error
    const cause = signal.aborted ? (signal.reason as Error) : (error as Error)
    const detail = cause.message.replace(/^.*: (context \w+(?: exceeded)?)$/, '$1')
    throw new WebhookCallError(
      `unexpected error when reading response body. Please retry. Original error: ${detail}`,
      error,
    )
  }
  return Buffer.concat(chunks).toString()
}

/** 429 and 5xx are tried again exactly when they carry Retry-After in seconds. */
function retryAfterMs({ statusCode = 0, headers }: IncomingMessage): number | undefined {
  if (statusCode !== 429 && statusCode < 500) return undefined
  const seconds = Number.parseInt(headers['retry-after'] ?? '', 10)
  return Number.isNaN(seconds) ? undefined : seconds * 1000
}

function answerOf(response: IncomingMessage, text: string): JsonValue {
  const { statusCode = 0, headers } = response
  const parsed = parseObject(text)
  if (statusCode < 200 || statusCode > 206) throw failureOf(response, text, parsed.value)
  if (text === '') {
    const contentType = headers['content-type'] ?? 'application/json'
    throw new WebhookCallError(
      `0-length response with status code: ${statusCode} and content type: ${contentType}`,
    )
  }
  if (parsed.error !== undefined) {
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${parsed.error}`)
  }
  const status = statusIn(parsed.value)
  if (status && status.status !== 'Success') throw fromStatus(status)
  return parsed.value!
}

function failureOf({ statusCode = 0, headers }: IncomingMessage, text: string, value: unknown): StatusError {
  const status = statusIn(value)
  if (status?.status === 'Failure') return fromStatus(status, statusCode)
  const contentType = headers['content-type'] ?? ''
  const isText = contentType === '' || contentType.startsWith('text/')
  const message = isText ? text.slice(0, 2048).trim() : 'unknown'
  return genericServerResponse({ code: statusCode, verb: 'POST', message })
}

function parseObject(text: string): { readonly value?: JsonValue; readonly error?: string } {
  try {
    return { value: parseWithLongIntegers(text) as JsonValue }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

function statusIn(value: unknown): Status | undefined {
  const { kind, apiVersion = 'v1' } = (value ?? {}) as Status
  return kind === 'Status' && apiVersion === 'v1' ? (value as Status) : undefined
}
