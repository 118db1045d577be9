import { DecodeError } from '../../../api/decode-error.ts'
import { parseExactJson } from '../../../api/json-text.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import { goJson } from '../../../machinery/go-json.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import {
  applyJsonPatch,
  parseJsonPatch,
  type JsonPatchOperation,
} from '../../../machinery/patch/json-patch.ts'
import { PatchError } from '../../../machinery/patch/patch-error.ts'
import { internalError } from '../../../machinery/status-errors.ts'
import { readShown, shownIn, takeShown, type RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest, MutationRound } from '../plugin.ts'
import { Reinvocation } from '../reinvocation.ts'
import { refusal, type Verdict } from './admission-review.ts'
import { settleFailure } from './call-outcome.ts'
import { askWebhook, CallingWebhookError } from './call-webhook.ts'
import { versionToCallWith, type WebhookContext } from './webhook-invocation.ts'
import type { ConfiguredWebhook, Webhook } from './webhook-source.ts'
import { lifetimeFault } from './request-lifetime.ts'

const annotationPrefix = 'mutation.webhook.admission.k8s.io/'
const patchPrefix = 'patch.webhook.admission.k8s.io/'

const pluginName = 'MutatingAdmissionWebhook'

/** Asks the mutating webhooks that a request concerns, one after the other, and does what they say. */
export async function mutateWithWebhooks(
  configured: readonly ConfiguredWebhook[],
  request: AdmissionRequest,
  round: MutationRound,
  context: WebhookContext,
): Promise<void> {
  const reinvocation = Reinvocation.begin(pluginName, round, request)
  try {
    for (const [index, candidate] of configured.entries()) {
      const version = await versionToCallWith(candidate, request, context, 'admit')
      if (!version) continue
      if (!reinvocation.includes(candidate.id)) continue
      const isChanged = await mutateWith(candidate, version, request, { round, index }, context)
      if (isChanged) reinvocation.changed()
      reinvocation.invoked(candidate.id, candidate.webhook.reinvocationPolicy)
    }
  } finally {
    reinvocation.end(request)
  }
}

interface Turn {
  readonly round: MutationRound
  /** Place among all mutating webhooks. */
  readonly index: number
}

/** Answers whether the object has changed. */
async function mutateWith(
  { webhook, configuration }: ConfiguredWebhook,
  version: RequestVersion,
  request: AdmissionRequest,
  { round, index }: Turn,
  context: WebhookContext,
): Promise<boolean> {
  const { clock, metrics } = context
  const { name } = webhook
  const fault = lifetimeFault(request, clock)
  if (fault) throw fault
  const startedMs = clock.monotonic()
  const at = `round_${round.isReinvocation ? 1 : 0}_index_${index}`
  let isChanged = false
  let isRefusal = false
  try {
    const verdict = await askWebhook(context, webhook, request, version, { isMutating: true })
    if (!verdict.allowed) {
      isRefusal = true
      throw refusal(name, verdict)
    }
    const patch = patchOf(webhook, verdict)
    if (patch.length > 0) {
      isChanged = applyPatch(webhook, patch, version, request)
      const annotation = { configuration, webhook: name, patch, patchType: 'JSONPatch' }
      request.annotate?.(`${patchPrefix}${at}`, goJson(annotation), 'Request')
    }
    const seconds = (clock.monotonic() - startedMs) / 1000
    metrics.called(name, 'admit', request.operation, { code: 200, seconds })
  } catch (error) {
    const failure = settleFailure(error, webhook, request, { type: 'admit', startedMs, isRefusal }, context)
    if (failure !== undefined) throw failure
    request.annotate?.(`failed-open.${annotationPrefix}${at}`, name)
  } finally {
    const annotation = { configuration, webhook: name, mutated: isChanged }
    request.annotate?.(`${annotationPrefix}${at}`, goJson(annotation))
  }
  return isChanged
}

function patchOf({ name }: Webhook, { patch, patchType }: Verdict): readonly JsonPatchOperation[] {
  if (patch === '') return []
  let operations: readonly JsonPatchOperation[]
  try {
    operations = parseJsonPatch(parseExactJson(patch))
  } catch (error) {
    const detail = error instanceof PatchError ? error.detail : (error as Error).message
    throw new CallingWebhookError(
      name,
      `received undecodable patch in webhook response: ${detail}`,
      503,
      error,
    )
  }
  if (operations.length > 0 && patchType !== 'JSONPatch') {
    throw new CallingWebhookError(name, `unsupported patch type ${goQuote(patchType)}`, 400)
  }
  return operations
}

function applyPatch(
  { name }: Webhook,
  patch: readonly JsonPatchOperation[],
  version: RequestVersion,
  request: AdmissionRequest,
): boolean {
  const shown = shownIn(version, request, 'object')
  if (!shown || request.operation === 'CONNECT') {
    throw internalError(
      `admission webhook ${goQuote(name)} attempted to modify the object, which is not supported for this operation`,
    )
  }
  try {
    const patched = readShown(version, applyJsonPatch(shown as unknown as JsonValue, patch))
    if (jsonEqual(patched, shown)) return false
    takeShown(version, request, patched)
    return true
  } catch (error) {
    if (error instanceof PatchError) throw internalError(error.detail)
    if (error instanceof DecodeError) throw internalError(error)
    throw error
  }
}
