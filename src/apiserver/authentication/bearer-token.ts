import { unauthorized } from '../../machinery/status-errors.ts'
import type { Authenticator, Credentials } from './authenticator.ts'
import { authenticateTokenInOrder, type TokenAuthenticator } from './token-authenticator.ts'

/**
 * Knows users by `Authorization: Bearer token`. A token that nobody knows is an error, not an anonymous request.
 * Source: k8s.io/apiserver/pkg/authentication/request/bearertoken.
 */
export function createBearerTokenAuthenticator(
  tokens: () => readonly TokenAuthenticator[],
  audiences: readonly string[],
): Authenticator {
  return {
    name: 'bearer-token',
    async authenticate(credentials) {
      const token = bearerToken(credentials)
      if (token === undefined) return undefined
      const identity = await authenticateTokenInOrder(tokens(), token, audiences, credentials.annotate)
      if (!identity) throw unauthorized('invalid bearer token')
      const accepted =
        identity.audiences.length === 0 || identity.audiences.some((one) => audiences.includes(one))
      if (!accepted) throw unauthorized('the token is not meant for this server')
      return identity.user
    },
  }
}

/** The token in the header, or undefined when there is none. */
function bearerToken({ headers }: Credentials): string | undefined {
  const header = headers['authorization']
  const value = (typeof header === 'string' ? header : header?.[0])?.trim()
  if (!value) return undefined
  const [scheme = '', token = ''] = value.split(' ')
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined
}
