import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { TokenReview } from '../../api/generated/authentication.v1.ts'
import { tokenReviews } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../machinery/clock.ts'
import { HttpError } from './http-error.ts'

export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Who sends a request. Rejects with HttpError 401. */
export type Authenticate = (request: IncomingMessage) => Promise<User>

export interface AuthenticationOptions {
  readonly client: Client
  readonly clock: Clock
  /** Client certificates count: they were asked for, and signed by the authority given to TLS. */
  readonly certificates: boolean
  readonly tokens: boolean
}

/** As upstream's authentication.webhook.cacheTTL. */
const cacheMs = 120_000
const maximumCached = 1000

/** By client certificate (CN is the user, O the groups), or by bearer token, about which the API server is asked. */
export function createAuthentication(options: AuthenticationOptions): Authenticate {
  const cache = new Map<string, { readonly user: User; readonly untilMs: number }>()

  async function byToken(token: string): Promise<User> {
    const key = createHash('sha256').update(token).digest('base64')
    const now = options.clock.monotonic()
    const known = cache.get(key)
    if (known && known.untilMs > now) return known.user
    const review = await options.client.create<TokenReview>(tokenReviews, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token },
    })
    const { authenticated, user } = review.status ?? {}
    if (!authenticated || !user?.username) throw new HttpError(401, 'Unauthorized')
    const found: User = {
      name: user.username,
      groups: user.groups ?? [],
      ...(user.uid !== undefined && { uid: user.uid }),
      ...(user.extra && { extra: user.extra }),
    }
    if (cache.size >= maximumCached) cache.clear()
    cache.set(key, { user: found, untilMs: now + cacheMs })
    return found
  }

  return async (request) => {
    if (options.certificates) {
      const user = certificateUser(request.socket as TLSSocket)
      if (user) return user
    }
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (options.tokens && token !== undefined) return await byToken(token)
    throw new HttpError(401, 'Unauthorized')
  }
}

function certificateUser(socket: TLSSocket): User | undefined {
  const peer = socket.getPeerCertificate()
  if (!socket.authorized || !peer?.raw) return undefined
  // The subject as the certificate has it: several O are several groups.
  const subject = new X509Certificate(peer.raw).subject.split('\n')
  const values = (key: string) =>
    subject.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1))
  const [name] = values('CN')
  return name === undefined ? undefined : { name, groups: [...values('O'), 'system:authenticated'] }
}
