import { unauthorized } from '../../machinery/status-errors.ts'
import { anonymous, mayBeAnonymous, type AnonymousConfiguration } from './anonymous.ts'
import type { Authenticator, Credentials, User } from './authenticator.ts'
import { anonymousUser, authenticatedGroup, unauthenticatedGroup, withGroup } from './known-users.ts'

/** Says who makes a request. */
export interface RequestAuthenticator {
  /**
   * `path` decides whether the request may be anonymous. Throws the 401 that clients see, which says nothing but
   * `Unauthorized`; its `cause` is what went wrong, for the log.
   */
  authenticate(credentials: Credentials, path: string): Promise<User>
}

/**
 * Asks each authenticator in order; the first answer counts. Wrong credentials are forgiven when others are right, but
 * they never make an anonymous request.
 * Source: k8s.io/apiserver/pkg/authentication/request/union, .../group.
 */
export function createRequestAuthenticator(
  authenticators: readonly Authenticator[],
  anonymousConfiguration: () => AnonymousConfiguration,
): RequestAuthenticator {
  return {
    async authenticate(credentials, path) {
      const failures: unknown[] = []
      for (const authenticator of authenticators) {
        try {
          const user = await authenticator.authenticate(credentials)
          if (user) return withAuthenticatedGroup(user)
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length === 0 && mayBeAnonymous(anonymousConfiguration(), path)) return anonymous
      throw Object.assign(unauthorized('Unauthorized'), {
        cause: failures.length > 1 ? failures : failures[0],
      })
    },
  }
}

/** Everyone known is in system:authenticated, except who is in system:unauthenticated already, and nobody. */
function withAuthenticatedGroup(user: User): User {
  if (user.name === anonymousUser) return user
  return user.groups.includes(unauthenticatedGroup) ? user : withGroup(user, authenticatedGroup)
}
