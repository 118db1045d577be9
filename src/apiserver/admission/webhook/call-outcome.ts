import { StatusError } from '../../../machinery/status.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { CallingWebhookError } from './call-webhook.ts'
import { lifetimeFault } from './request-lifetime.ts'
import type { WebhookContext } from './webhook-invocation.ts'
import type { RejectionType, WebhookType } from './webhook-metrics.ts'
import type { Webhook } from './webhook-source.ts'

/**
 * What becomes of a request whose webhook failed or refused: the error to answer, or undefined when the failure is
 * ignored. Counts it. `startedMs` of the monotonic clock.
 */
export function settleFailure(
  error: unknown,
  webhook: Webhook,
  request: AdmissionRequest,
  call: { readonly type: WebhookType; readonly startedMs: number; readonly isRefusal: boolean },
  { metrics, clock, log }: WebhookContext,
): unknown {
  const { name, failurePolicy } = webhook
  const seconds = (clock.monotonic() - call.startedMs) / 1000
  if (!(error instanceof CallingWebhookError)) {
    const rejection: RejectionType = call.isRefusal ? 'no_error' : 'apiserver_internal_error'
    const code = call.isRefusal && error instanceof StatusError ? error.status.code : 0
    metrics.called(name, call.type, request.operation, { code, seconds, rejection })
    return error
  }
  if (failurePolicy === 'Ignore') {
    metrics.called(name, call.type, request.operation, { code: error.code, seconds })
    metrics.failedOpen(name, call.type)
    log.warn('calling a webhook failed; going on without it', { webhook: name, error: error.message })
    return lifetimeFault(request, clock)
  }
  const rejection: RejectionType = 'calling_webhook_error'
  metrics.called(name, call.type, request.operation, { code: error.code, seconds, rejection })
  log.warn('calling a webhook failed', { webhook: name, error: error.message })
  return lifetimeFault(request, clock) ?? error.toStatusError()
}
