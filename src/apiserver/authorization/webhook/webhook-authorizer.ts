import type { SubjectAccessReviewSpec } from '../../../api/generated/authorization.v1.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Metrics } from '../../../machinery/metrics.ts'
import type { Random } from '../../../machinery/random.ts'
import { ExpiringCache } from '../../webhook/expiring-cache.ts'
import type { PostJson } from '../../webhook/post-json.ts'
import { withRetries } from '../../webhook/retry.ts'
import type { Attributes, Authorizer, Decision } from '../authorizer.ts'
import { noOpinion } from '../decisions.ts'
import type { ResolvedRules, RuleResolver } from '../rule-resolver.ts'
import { createMatchConditions } from './match-conditions.ts'
import { reviewSpecOf } from './review-spec.ts'
import { WebhookMetrics } from './webhook-metrics.ts'

export interface WebhookAuthorizerOptions {
  readonly name: string
  readonly post: PostJson
  /** Of the SubjectAccessReview that is sent. */
  readonly version: 'v1' | 'v1beta1'
  readonly timeoutMs: number
  /** How long answers are remembered; not at all when 0. */
  readonly authorizedTtlMs: number
  readonly unauthorizedTtlMs: number
  readonly failurePolicy: 'NoOpinion' | 'Deny'
  /** CEL, valid. */
  readonly matchConditions: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
}

interface ReviewStatus {
  readonly allowed?: boolean
  readonly denied?: boolean
  readonly reason?: string
}

const cacheSize = 8192
/** Requests with longer attributes are asked about each time. */
const maxCachedLength = 10_000

/**
 * Asks a server by SubjectAccessReview.
 * Source: k8s.io/apiserver/plugin/pkg/authorizer/webhook.
 */
export function createWebhookAuthorizer(options: WebhookAuthorizerOptions): Authorizer & RuleResolver {
  const { clock, random, post, version, timeoutMs } = options
  const metrics = new WebhookMetrics(options.name, options.metrics, clock)
  const conditions = createMatchConditions(options.matchConditions, metrics)
  const answers = new ExpiringCache<ReviewStatus>(clock, cacheSize)
  const failed = (error: unknown): Decision => ({
    type: options.failurePolicy === 'Deny' ? 'deny' : 'noOpinion',
    reason: '',
    error: error instanceof Error ? error : new Error(String(error)),
  })

  async function ask(attributes: Attributes, spec: SubjectAccessReviewSpec, key: string): Promise<Decision> {
    const apiVersion = `authorization.k8s.io/${version}`
    const review = {
      kind: 'SubjectAccessReview',
      apiVersion,
      metadata: {},
      spec: versioned(spec, version),
      status: { allowed: false },
    }
    try {
      const answer = await withRetries(clock, random, () => metrics.call(() => post(review, { timeoutMs })))
      const status = statusOf(answer)
      const lifetimeMs = status.allowed ? options.authorizedTtlMs : options.unauthorizedTtlMs
      if (isShort(attributes)) answers.set(key, status, lifetimeMs)
      return decisionOf(status)
    } catch (error) {
      if (options.failurePolicy === 'NoOpinion') metrics.failedOpen(error)
      return failed(error)
    }
  }

  return {
    name: options.name,
    authorize(attributes) {
      const spec = reviewSpecOf(attributes)
      try {
        if (!conditions.match(spec)) return noOpinion
      } catch (error) {
        return failed(error)
      }
      const key = JSON.stringify(spec)
      const known = answers.get(key)
      return known ? decisionOf(known) : ask(attributes, spec, key)
    },
    rulesFor: (): ResolvedRules => ({
      rules: [],
      incomplete: true,
      errors: ['webhook authorizer does not support user rule resolution'],
    }),
  }
}

/** v1beta1 says `group` for `groups`. */
function versioned(spec: SubjectAccessReviewSpec, version: 'v1' | 'v1beta1'): object {
  if (version === 'v1') return spec
  return Object.fromEntries(
    Object.entries(spec).map(([key, value]) => [key === 'groups' ? 'group' : key, value]),
  )
}

function statusOf(answer: JsonValue): ReviewStatus {
  const { kind, status } = answer as { readonly kind?: unknown; readonly status?: unknown }
  if (kind !== 'SubjectAccessReview')
    throw new Error('the webhook answered with something else than a SubjectAccessReview')
  const { allowed, denied, reason } = (status ?? {}) as Readonly<Record<string, unknown>>
  return {
    allowed: allowed === true,
    denied: denied === true,
    reason: typeof reason === 'string' ? reason : '',
  }
}

function decisionOf({ allowed, denied, reason = '' }: ReviewStatus): Decision {
  if (denied && allowed) {
    const error = new Error('webhook subject access review returned both allow and deny response')
    return { type: 'deny', reason, error }
  }
  return { type: denied ? 'deny' : allowed ? 'allow' : 'noOpinion', reason }
}

function isShort(attributes: Attributes): boolean {
  const { namespace, verb, group, version, resource, subresource, name, path } = attributes
  const texts = [namespace, verb, group, version, resource, subresource, name, path]
  return texts.reduce((sum, text) => sum + text.length, 0) < maxCachedLength
}
