import { hash } from 'node:crypto'
import type { UserInfo } from '../../../api/generated/authentication.v1.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Random } from '../../../machinery/random.ts'
import { unauthorized } from '../../../machinery/status-errors.ts'
import { ExpiringCache } from '../../webhook/expiring-cache.ts'
import type { PostJson } from '../../webhook/post-json.ts'
import { withRetries } from '../../webhook/retry.ts'
import { userOfInfo } from '../reviews.ts'
import type { TokenAuthenticator, TokenIdentity } from '../token-authenticator.ts'

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
 * Asks a server by TokenReview. Tokens are remembered as SHA-256 only.
 * Source: k8s.io/apiserver/plugin/pkg/authenticator/token/webhook, .../authentication/token/cache.
 */
export function createWebhookTokenAuthenticator(options: WebhookTokenOptions): TokenAuthenticator {
  const { post, version, clock, random, apiAudiences } = options
  const known = new ExpiringCache<ReviewStatus>(clock, cacheSize)

  async function review(token: string, audiences: readonly string[]): Promise<ReviewStatus> {
    const key = hash('sha256', JSON.stringify([token, audiences]), 'base64url')
    const remembered = known.get(key)
    if (remembered) return remembered
    const body = {
      kind: 'TokenReview',
      apiVersion: `authentication.k8s.io/${version}`,
      spec: { token, ...(audiences.length > 0 && { audiences }) },
    }
    const status = statusOf(await withRetries(clock, random, () => post(body, { timeoutMs })))
    known.set(key, status, options.cacheTtlMs)
    return status
  }

  return {
    name: 'webhook-token',
    async authenticateToken(token, audiences): Promise<TokenIdentity | undefined> {
      const { authenticated, user, error, audiences: answered = [] } = await review(token, audiences)
      const meant = answered.length > 0 ? answered : apiAudiences
      const common = audiences.filter((audience) => meant.includes(audience))
      if (audiences.length > 0 && common.length === 0) return undefined
      if (authenticated === true && user) return { user: userOfInfo(user), audiences: common }
      if (typeof error === 'string' && error !== '') throw unauthorized(error)
      return undefined
    },
  }
}

function statusOf(answer: JsonValue): ReviewStatus {
  const { kind, status } = answer as { readonly kind?: unknown; readonly status?: ReviewStatus }
  if (kind !== 'TokenReview') throw new Error('the webhook answered with something else than a TokenReview')
  return status ?? {}
}
