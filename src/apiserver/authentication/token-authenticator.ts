import { unauthorized } from '../../machinery/status-errors.ts'
import type { User } from './authenticator.ts'

/** Who a bearer token stands for, and for whom it was made. */
export interface TokenIdentity {
  readonly user: User
  /** Those of the audiences asked about that the token is for; empty when the token is for any. */
  readonly audiences: readonly string[]
}

/** Adds an annotation to the audit event of the request that brings a token. */
export type Annotate = (key: string, value: string) => void

/**
 * One way to know a user by a bearer token. Answers undefined when the token is not of its kind, throws an Unauthorized
 * StatusError that says why when it is of its kind and wrong.
 */
export interface TokenAuthenticator {
  readonly name: string
  /** `audiences` are those that the asker accepts: the API server's own, or those of a TokenReview. */
  authenticateToken(
    token: string,
    audiences: readonly string[],
    annotate?: Annotate,
  ): Promise<TokenIdentity | undefined>
}

/** The first that knows the token decides. When all fail, their reasons are thrown together. */
export async function authenticateTokenInOrder(
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
  annotate?: Annotate,
): Promise<TokenIdentity | undefined> {
  const failures: unknown[] = []
  for (const authenticator of authenticators) {
    try {
      const identity = await authenticator.authenticateToken(token, audiences, annotate)
      if (identity) return identity
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw aggregateFailures(failures)
  return undefined
}

/** One failure as it is; several as one Unauthorized error that lists their messages. */
function aggregateFailures(failures: readonly unknown[]): unknown {
  const [only] = failures
  if (failures.length === 1) return only
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)))
  return unauthorized(`[${[...new Set(messages)].join(', ')}]`)
}
