import type { RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { refusal } from './admission-review.ts'
import { settleFailure } from './call-outcome.ts'
import { askWebhook } from './call-webhook.ts'
import { lifetimeFault } from './request-lifetime.ts'
import { versionToCallWith, type WebhookContext } from './webhook-invocation.ts'
import type { ConfiguredWebhook, Webhook } from './webhook-source.ts'

const failedOpen = 'failed-open.validating.webhook.admission.k8s.io/'

/** Asks all validating webhooks that a request concerns, at once. Throws what the first of them to fail says. */
export async function validateWithWebhooks(
  configured: readonly ConfiguredWebhook[],
  request: AdmissionRequest,
  context: WebhookContext,
): Promise<void> {
  const calls: { readonly webhook: Webhook; readonly version: RequestVersion }[] = []
  for (const candidate of configured) {
    const version = await versionToCallWith(candidate, request, context, 'validating')
    if (version) calls.push({ webhook: candidate.webhook, version })
  }
  const fault = calls.length > 0 ? lifetimeFault(request, context.clock) : undefined
  if (fault) throw fault
  const failures: unknown[] = []
  await Promise.all(
    calls.map(async ({ webhook, version }, index) => {
      const failure = await validateWith(webhook, version, request, index, context)
      if (failure !== undefined) failures.push(failure)
    }),
  )
  if (failures.length > 0) throw failures[0]
}

async function validateWith(
  webhook: Webhook,
  version: RequestVersion,
  request: AdmissionRequest,
  index: number,
  context: WebhookContext,
): Promise<unknown> {
  const { clock, metrics } = context
  const { name } = webhook
  const startedMs = clock.monotonic()
  const call = { type: 'validating', startedMs } as const
  try {
    const verdict = await askWebhook(context, webhook, request, version, { isMutating: false })
    if (!verdict.allowed) {
      return settleFailure(refusal(name, verdict), webhook, request, { ...call, isRefusal: true }, context)
    }
    const seconds = (clock.monotonic() - startedMs) / 1000
    metrics.called(name, 'validating', request.operation, { code: 200, seconds })
    return undefined
  } catch (error) {
    const failure = settleFailure(error, webhook, request, { ...call, isRefusal: false }, context)
    if (failure === undefined) request.annotate?.(`${failedOpen}round_0_index_${index}`, name)
    return failure
  }
}
