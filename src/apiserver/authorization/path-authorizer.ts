import type { Authorizer } from './authorizer.ts'
import { allowed, noOpinion } from './decisions.ts'

/** Upstream's --authorization-always-allow-paths. */
export const defaultAlwaysAllowPaths = ['/healthz', '/readyz', '/livez']

/**
 * Allows everybody some paths that name no resource. A path that ends in `*` allows all that begin like it.
 * Throws when the star stands elsewhere. Source: k8s.io/apiserver/pkg/authorization/path.
 */
export function createPathAuthorizer(paths: readonly string[]): Authorizer {
  const exact = new Set<string>()
  const prefixes: string[] = []
  for (const path of paths.map(withoutSlash)) {
    if (path.slice(0, -1).includes('*')) throw new Error(`only trailing * allowed in "${path}"`)
    if (path.endsWith('*')) prefixes.push(path.slice(0, -1))
    else exact.add(path)
  }
  return {
    name: 'path',
    isLocal: true,
    authorize({ isResourceRequest, path }) {
      if (isResourceRequest) return noOpinion
      const bare = withoutSlash(path)
      return exact.has(bare) || prefixes.some((prefix) => bare.startsWith(prefix)) ? allowed : noOpinion
    },
  }
}

function withoutSlash(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path
}
