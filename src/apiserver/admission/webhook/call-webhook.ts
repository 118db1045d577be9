import { goQuote } from '../../../machinery/go-format.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import { badRequest, internalError } from '../../../machinery/status-errors.ts'
import { StatusError } from '../../../machinery/status.ts'
import type { CallOptions, WebhookClient } from '../../webhook/webhook-client.ts'
import type { RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { admissionReview, readVerdict, reviewVersionOf, type Verdict } from './admission-review.ts'
import { timeLeft } from './request-lifetime.ts'
import type { WebhookContext } from './webhook-invocation.ts'
import type { Webhook } from './webhook-source.ts'

/** A webhook was not called, or did not answer. Its failurePolicy says what becomes of the request. */
export class CallingWebhookError extends Error {
  /** For metrics: what the caller would be told. */
  readonly code: number

  constructor(name: string, reason: string, code: number, cause?: unknown) {
    super(`failed calling webhook ${goQuote(name)}: ${reason}`, { cause })
    this.name = 'CallingWebhookError'
    this.code = code
  }

  /** 500: what a request is answered that may not go on without the webhook. */
  toStatusError(): StatusError {
    return internalError(this)
  }
}

/** Dry runs may only be shown to webhooks that leave no traces of them. Throws when one may not. */
function checkSideEffects({ name, sideEffects }: Webhook, { dryRun }: AdmissionRequest): void {
  if (!dryRun || sideEffects === 'None' || sideEffects === 'NoneOnDryRun') return
  throw badRequest(`admission webhook ${goQuote(name)} does not support dry run`)
}

/**
 * Asks a webhook, and passes its warnings and annotations on. Throws a CallingWebhookError when there is no answer, a
 * StatusError when it must not be asked.
 */
export async function askWebhook(
  { client, clock, identityFor }: Pick<WebhookContext, 'client' | 'clock' | 'identityFor'>,
  webhook: Webhook,
  request: AdmissionRequest,
  version: RequestVersion,
  { isMutating }: { readonly isMutating: boolean },
): Promise<Verdict> {
  const { name } = webhook
  checkSideEffects(webhook, request)
  const reviewVersion = reviewVersionOf(webhook.admissionReviewVersions)
  if (reviewVersion === undefined) {
    const fault = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)'
    throw new CallingWebhookError(name, `could not create admission objects: ${fault}`, 400)
  }
  const review = admissionReview(request, version, reviewVersion)
  const { timeoutSeconds = 10 } = webhook
  const timeoutMs = timeLeft(request, clock, timeoutSeconds * 1000)
  const from = clock.monotonic()
  const answer = await post(client, webhook, review, {
    timeoutMs,
    ...(request.signal && { signal: request.signal() }),
    ...(identityFor && { identityFor }),
  }).finally(() => {
    const part = isMutating ? 'mutating-webhook' : 'validating-webhook'
    request.annotate?.took?.(part, clock.monotonic() - from)
  })
  let verdict: Verdict
  try {
    verdict = readVerdict(answer, { uid: review.request.uid, reviewVersion, isMutating })
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new CallingWebhookError(name, `received invalid webhook response: ${detail}`, 503, error)
  }
  for (const [key, value] of Object.entries(verdict.auditAnnotations ?? {})) {
    request.annotate?.(`${name}/${key}`, value)
  }
  for (const warning of verdict.warnings ?? []) request.warn(warning)
  return verdict
}

async function post(
  client: WebhookClient,
  { name, clientConfig }: Webhook,
  review: unknown,
  options: CallOptions,
): Promise<JsonValue> {
  try {
    return await client.call(clientConfig, review, options)
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    const code = error instanceof StatusError ? error.status.code : 503
    throw new CallingWebhookError(name, `failed to call webhook: ${detail}`, code, error)
  }
}
