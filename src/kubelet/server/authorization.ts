import type { SubjectAccessReview } from '../../api/generated/authorization.v1.ts'
import { subjectAccessReviews } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { User } from './authentication.ts'
import { HttpError } from './http-error.ts'

/** Whether the user may. Rejects with HttpError 403. */
export type Authorize = (user: User, method: string, path: string) => Promise<void>

/** As upstream's authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL. */
const allowedCacheMs = 300_000
const deniedCacheMs = 30_000
const maximumCached = 1000

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}
const subresources: readonly (readonly [string, string])[] = [
  ['/stats', 'stats'],
  ['/metrics', 'metrics'],
  ['/logs', 'log'],
  ['/checkpoint', 'checkpoint'],
  ['/statusz', 'statusz'],
  ['/flagz', 'configz'],
]
/** May be had by their own subresource, or by `proxy` as everything else. */
const fineGrained: readonly (readonly [string, string])[] = [
  ['/pods', 'pods'],
  ['/runningpods', 'pods'],
  ['/healthz', 'healthz'],
  ['/configz', 'configz'],
]

/** The subresources of `nodes` of which one must be allowed. Source: upstream's pkg/kubelet/server/auth.go. */
export function subresourcesOf(path: string): readonly string[] {
  const find = (list: readonly (readonly [string, string])[]) =>
    list.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1]
  const single = find(subresources)
  if (single !== undefined) return [single]
  const fine = find(fineGrained)
  return fine === undefined ? ['proxy'] : [fine, 'proxy']
}

/** Asks the API server by SubjectAccessReview, and remembers what it said. */
export function createAuthorization(client: Client, clock: Clock, nodeName: string): Authorize {
  const cache = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>()

  async function isAllowed(user: User, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user, verb, subresource])
    const now = clock.monotonic()
    const known = cache.get(key)
    if (known && known.untilMs > now) return known.allowed
    const review = await client.create<SubjectAccessReview>(subjectAccessReviews, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: user.name,
        groups: user.groups,
        ...(user.uid !== undefined && { uid: user.uid }),
        ...(user.extra && { extra: user.extra }),
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
      },
    })
    const allowed = review.status?.allowed === true
    if (cache.size >= maximumCached) cache.clear()
    cache.set(key, { allowed, untilMs: now + (allowed ? allowedCacheMs : deniedCacheMs) })
    return allowed
  }

  return async (user, method, path) => {
    const verb = verbs[method] ?? 'get'
    const wanted = subresourcesOf(path)
    for (const subresource of wanted) if (await isAllowed(user, verb, subresource)) return
    throw new HttpError(
      403,
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${wanted.join(' ')}])`,
    )
  }
}
