import { hash } from 'node:crypto'
import type { UserInfo } from '../../../api/generated/authentication.v1.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Metrics } from '../../../machinery/metrics.ts'
import type { Random } from '../../../machinery/random.ts'
import { unauthorized } from '../../../machinery/status-errors.ts'
import { ExpiringCache } from '../../webhook/expiring-cache.ts'
import type { PostJson } from '../../webhook/post-json.ts'
import { withRetries } from '../../webhook/retry.ts'
import { userOfInfo } from '../reviews.ts'
import type { TokenAuthenticator, TokenIdentity } from '../token-authenticator.ts'
import { TokenCacheMetrics } from './token-cache-metrics.ts'

export interface WebhookTokenOptions {
  readonly post: PostJson
  /** Of the TokenReview that is sent. */
  readonly version: 'v1' | 'v1beta1'
  /** How long answers are remembered. */
  readonly cacheTtlMs: number
  /** What a webhook that knows nothing of audiences answers for. */
  readonly apiAudiences: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
}

const timeoutMs = 30_000
const cacheSize = 4096

interface ReviewStatus {
  readonly authenticated?: unknown
  readonly user?: UserInfo
  readonly audiences?: readonly string[]
  readonly error?: unknown
}

/**
 * Asks a server by TokenReview. Tokens are remembered as SHA-256 only; that a server failed, or says why it does not know
 * a token, is not remembered. Requests that come with the same token at once wait for one answer.
 * Source: k8s.io/apiserver/plugin/pkg/authenticator/token/webhook, .../authentication/token/cache.
 */
export function createWebhookTokenAuthenticator(options: WebhookTokenOptions): TokenAuthenticator {
  const { post, version, clock, random, apiAudiences } = options
  const known = new ExpiringCache<ReviewStatus>(clock, cacheSize)
  const asking = new Map<string, Promise<ReviewStatus>>()
  const metrics = new TokenCacheMetrics(options.metrics, clock)

  async function ask(key: string, token: string, audiences: readonly string[]): Promise<ReviewStatus> {
    const body = {
      kind: 'TokenReview',
      apiVersion: `authentication.k8s.io/${version}`,
      metadata: {},
      spec: { token, ...(audiences.length > 0 && { audiences }) },
      status: { user: {} },
    }
    const status = statusOf(await withRetries(clock, random, () => post(body, { timeoutMs })))
    const { authenticated, error } = status
    if (authenticated !== true && typeof error === 'string' && error !== '' && isMeant(status, audiences)) {
      throw unauthorized(error)
    }
    known.set(key, status, options.cacheTtlMs)
    return status
  }

  async function review(token: string, audiences: readonly string[]): Promise<ReviewStatus> {
    const key = hash('sha256', JSON.stringify([token, audiences]), 'base64url')
    const started = clock.monotonic()
    const remembered = known.get(key)
    if (remembered) {
      metrics.requested('hit', started)
      return remembered
    }
    let answer = asking.get(key)
    if (!answer) {
      answer = metrics.fetching(() => ask(key, token, audiences)).finally(() => asking.delete(key))
      asking.set(key, answer)
    }
    try {
      return await metrics.waiting(answer)
    } finally {
      metrics.requested('miss', started)
    }
  }

  function commonOf({ audiences: answered = [] }: ReviewStatus, audiences: readonly string[]) {
    const meant = answered.length > 0 ? answered : apiAudiences
    return audiences.filter((audience) => meant.includes(audience))
  }

  function isMeant(status: ReviewStatus, audiences: readonly string[]): boolean {
    return audiences.length === 0 || commonOf(status, audiences).length > 0
  }

  return {
    name: 'webhook-token',
    async authenticateToken(token, audiences): Promise<TokenIdentity | undefined> {
      const status = await review(token, audiences)
      if (!isMeant(status, audiences)) return undefined
      const { authenticated, user } = status
      if (authenticated !== true || !user) return undefined
      return { user: userOfInfo(user), audiences: commonOf(status, audiences) }
    },
  }
}

function statusOf(answer: JsonValue): ReviewStatus {
  const { kind, status } = answer as { readonly kind?: unknown; readonly status?: ReviewStatus }
  if (kind !== 'TokenReview') throw new Error('the webhook answered with something else than a TokenReview')
  return status ?? {}
}
