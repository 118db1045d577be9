import type { SelfSubjectReview, TokenReview, UserInfo } from '../../api/generated/authentication.v1.ts'
import { goQuoteList } from '../../machinery/go-format.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { User } from './authenticator.ts'
import { authenticatedGroup, withGroup } from './known-users.ts'
import { authenticateTokenInOrder, type TokenAuthenticator } from './token-authenticator.ts'

/** How a user stands in API objects. */
export function userInfoOf(user: User): UserInfo {
  return {
    username: user.name,
    ...(user.uid && { uid: user.uid }),
    ...(user.groups.length > 0 && { groups: user.groups }),
    ...(user.extra && Object.keys(user.extra).length > 0 && { extra: user.extra }),
  }
}

/** Inverse of userInfoOf. */
export function userOfInfo(info: UserInfo): User {
  return {
    name: info.username ?? '',
    ...(info.uid && { uid: info.uid }),
    groups: info.groups ?? [],
    ...(info.extra && { extra: info.extra }),
  }
}

/**
 * Answers `create` on tokenreviews. A token that is worth nothing is an answer, not an error.
 * Source: kubernetes/pkg/registry/authentication/tokenreview.
 */
export async function reviewToken(
  review: TokenReview,
  authenticators: readonly TokenAuthenticator[],
  apiAudiences: readonly string[],
): Promise<TokenReview> {
  const { token, audiences: wished = [] } = review.spec
  if (!token) throw badRequest('token is required for TokenReview in authentication')
  const audiences = wished.length > 0 ? wished : apiAudiences
  return { ...review, status: await statusOf(token, audiences, authenticators) }
}

async function statusOf(
  token: string,
  audiences: readonly string[],
  authenticators: readonly TokenAuthenticator[],
): Promise<NonNullable<TokenReview['status']>> {
  try {
    const identity = await authenticateTokenInOrder(authenticators, token, audiences)
    // Upstream asks by way of a bearer request, whose word for an unknown token this is.
    if (!identity) return { user: {}, error: 'invalid bearer token' }
    const common = identity.audiences.filter((audience) => audiences.includes(audience))
    if (identity.audiences.length > 0 && common.length === 0) {
      return {
        user: {},
        error: `token audiences ${goQuoteList(identity.audiences)} is invalid for the target audiences ${goQuoteList(audiences)}`,
      }
    }
    return { authenticated: true, user: withAuthenticated(identity.user), audiences: common }
  } catch (error) {
    return { user: {}, error: error instanceof Error ? error.message : String(error) }
  }
}

function withAuthenticated(user: User): UserInfo {
  return userInfoOf(withGroup(user, authenticatedGroup))
}

/** Answers `create` on selfsubjectreviews: who asks. */
export function reviewSelf(review: SelfSubjectReview, user: User, now: number): SelfSubjectReview {
  return {
    ...review,
    metadata: { creationTimestamp: formatTime(now), ...review.metadata },
    status: { userInfo: userInfoOf(user) },
  }
}
