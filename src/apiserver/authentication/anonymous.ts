import type { User } from './authenticator.ts'
import { anonymousUser, unauthenticatedGroup } from './known-users.ts'

/** Who makes a request that brings no credentials at all. */
export const anonymous: User = { name: anonymousUser, groups: [unauthenticatedGroup] }

/** As in an AuthenticationConfiguration: whether, and for which paths, a request may bring no credentials. */
export interface AnonymousConfiguration {
  readonly enabled: boolean
  /** Exact paths; all of them when absent or empty. */
  readonly conditions?: readonly { readonly path: string }[]
}

/** Whether a request for `path` may be anonymous. */
export function mayBeAnonymous({ enabled, conditions = [] }: AnonymousConfiguration, path: string): boolean {
  return enabled && (conditions.length === 0 || conditions.some((condition) => condition.path === path))
}
