import { unauthorized } from '../../machinery/status-errors.ts'
import type { Authenticator, Credentials } from './authenticator.ts'
import { authenticateTokenInOrder, type TokenAuthenticator } from './token-authenticator.ts'
import { webSocketToken } from './websocket-token.ts'

/**
 * Knows users by `Authorization: Bearer token`, or by a subprotocol of a WebSocket. A token that nobody knows is an error, not an anonymous request.
 * Source: k8s.io/apiserver/pkg/authentication/request/bearertoken.
 */
export function createBearerTokenAuthenticator(
  tokens: () => readonly TokenAuthenticator[],
  audiences: readonly string[],
): Authenticator {
  return {
    name: 'bearer-token',
    async authenticate(credentials) {
      const token = bearerToken(credentials) ?? webSocketToken(credentials)
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
function bearerToken({ headers, warnings }: Credentials): string | undefined {
  const header = headers['authorization']
  const value = (typeof header === 'string' ? header : header?.[0])?.trim()
  if (!value) return undefined
  const [scheme = '', token = ''] = value.split(' ')
  if (scheme.toLowerCase() !== 'bearer') return undefined
  if (token !== '') return token
  // What is trimmed has something behind two spaces.
  if (value.includes(' ')) {
    warnings?.add(
      'the provided Authorization header contains extra space before the bearer token, and is ignored',
    )
  }
  return undefined
}
