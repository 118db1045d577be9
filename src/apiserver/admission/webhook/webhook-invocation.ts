import type { Clock } from '../../../machinery/clock.ts'
import type { Logger } from '../../../machinery/log.ts'
import { forbidden } from '../../../machinery/status-errors.ts'
import type { StatusError } from '../../../machinery/status.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { Objects } from '../../objects.ts'
import type { WebhookClient } from '../../webhook/webhook-client.ts'
import type { IdentityFor } from '../../webhook/webhook-identity.ts'
import { matchesRule } from '../matching/rules.ts'
import { matchesNamespaceSelector, matchesObjectSelector } from '../matching/selectors.ts'
import { equivalentVersions, requestedVersion, type RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'
import type { WebhookMetrics, WebhookType } from './webhook-metrics.ts'
import type { ConfiguredWebhook, Webhook } from './webhook-source.ts'

/** What both kinds of webhooks are called with. */
export interface WebhookContext {
  readonly objects: Objects
  readonly authorizer: Authorizer
  readonly client: WebhookClient
  /** As whom webhooks are called. Default: as nobody. */
  readonly identityFor?: IdentityFor | undefined
  readonly metrics: WebhookMetrics
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The version of a request that a webhook is to be called with; undefined when it is not. Throws when that cannot be
 * told. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/generic, ShouldCallHook.
 */
export async function versionToCallWith(
  { webhook }: ConfiguredWebhook,
  request: AdmissionRequest,
  context: WebhookContext,
  type: WebhookType,
): Promise<RequestVersion | undefined> {
  const inNamespace = await matchesNamespaceSelector(
    webhook.namespaceSelector,
    request,
    context.objects,
  ).catch((error: unknown) => error as StatusError)
  if (inNamespace === false) return undefined
  if (!matchesObjectSelector(webhook.objectSelector, request)) return undefined
  const version = matchingVersion(webhook, request)
  if (!version) return undefined
  // A namespace that is not there matters only to webhooks that the request would concern.
  if (inNamespace !== true) throw inNamespace
  if (!webhook.matchConditions?.length) return version
  return (await meetsConditions(webhook, request, version, context, type)) ? version : undefined
}

function matchingVersion(webhook: Webhook, request: AdmissionRequest): RequestVersion | undefined {
  const { rules = [], matchPolicy } = webhook
  const requested = requestedVersion(request)
  if (rules.some((rule) => matchesRule(rule, request, requested.resource))) return requested
  if (matchPolicy !== 'Equivalent') return undefined
  const equivalents = equivalentVersions(request)
  for (const rule of rules) {
    const found = equivalents.find(({ resource }) => matchesRule(rule, request, resource))
    if (found) return found
  }
  return undefined
}

async function meetsConditions(
  { name, matchConditions = [], failurePolicy }: Webhook,
  request: AdmissionRequest,
  version: RequestVersion,
  { authorizer, metrics, clock, log }: WebhookContext,
  type: WebhookType,
): Promise<boolean> {
  const { aggregate, evaluateConditions } = await import('../expressions/evaluate-conditions.ts')
  const started = clock.monotonic()
  const result = await evaluateConditions(matchConditions, { request, version, authorizer })
  const subject = { name, kind: 'webhook', type, operation: request.operation } as const
  metrics.evaluated(subject, (clock.monotonic() - started) / 1000, {
    errors: result.errors.length,
    excluded: result.type === 'excluded' || (result.errors.length > 0 && failurePolicy === 'Ignore'),
  })
  if (result.type === 'excluded') return false
  if (result.errors.length === 0) return true
  const message = aggregate(result.errors)
  if (failurePolicy === 'Ignore') return false
  log.warn('match conditions of a webhook could not be evaluated', { webhook: name, error: message })
  throw forbidden(request.resource, request.name, message)
}
