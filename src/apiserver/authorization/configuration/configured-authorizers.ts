import type { Clock } from '../../../machinery/clock.ts'
import { parseDuration } from '../../../machinery/duration.ts'
import type { Metrics } from '../../../machinery/metrics.ts'
import type { Random } from '../../../machinery/random.ts'
import type { PostJson } from '../../webhook/post-json.ts'
import type { ConfiguredAuthorizer } from '../create-authorization.ts'
import { createWebhookAuthorizer } from '../webhook/webhook-authorizer.ts'
import type { AuthorizationConfiguration, WebhookConfiguration } from './authorization-configuration.ts'

export interface AuthorizerParts {
  /** Reads a kubeconfig, and speaks to the server that it names. Throws when it cannot be used. */
  readonly connect: (kubeConfigFile: string) => PostJson
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
}

/** The authorisers of a valid configuration, in its order. */
export function configuredAuthorizers(
  { authorizers }: AuthorizationConfiguration,
  parts: AuthorizerParts,
): readonly ConfiguredAuthorizer[] {
  return authorizers.map(({ type, name = '', webhook }): ConfiguredAuthorizer => {
    if (type !== 'Webhook') {
      return {
        type: type as Exclude<ConfiguredAuthorizer['type'], 'Webhook' | 'ABAC'>,
        ...(name && { name }),
      }
    }
    if (!webhook) throw new TypeError(`authorizer ${name} has no webhook`)
    return { type, name, authorizer: webhookAuthorizer(name, webhook, parts) }
  })
}

function webhookAuthorizer(name: string, webhook: WebhookConfiguration, parts: AuthorizerParts) {
  const { cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true } = webhook
  const lifetimeMs = (text: string | undefined, isKept: boolean) => (isKept ? parseDuration(text ?? '0') : 0)
  return createWebhookAuthorizer({
    name,
    post: parts.connect(webhook.connectionInfo?.kubeConfigFile ?? ''),
    version: webhook.subjectAccessReviewVersion === 'v1beta1' ? 'v1beta1' : 'v1',
    timeoutMs: parseDuration(webhook.timeout ?? '0'),
    authorizedTtlMs: lifetimeMs(webhook.authorizedTTL, cacheAuthorizedRequests),
    unauthorizedTtlMs: lifetimeMs(webhook.unauthorizedTTL, cacheUnauthorizedRequests),
    failurePolicy: webhook.failurePolicy === 'Deny' ? 'Deny' : 'NoOpinion',
    matchConditions: (webhook.matchConditions ?? []).map(({ expression = '' }) => expression),
    clock: parts.clock,
    random: parts.random,
    metrics: parts.metrics,
  })
}
