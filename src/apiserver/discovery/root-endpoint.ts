import type { Endpoint } from '../http/api-handler.ts'
import { textReply } from '../http/reply.ts'
import type { RequestMetrics } from '../http/request-metrics.ts'
import type { ServedGroups } from './discovered.ts'
import { versionInfo } from './version.ts'
import { goJson } from '../../machinery/go-json.ts'

/** Serves `/` with all paths there are, `/version` and `/metrics`. `morePaths`: what other endpoints serve. */
export function rootEndpoint(
  served: ServedGroups,
  metrics: RequestMetrics,
  morePaths: readonly string[],
): Endpoint {
  return ({ request, info }) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
    switch (info.path) {
      case '/':
        return jsonReply({ paths: allPaths(served, morePaths) })
      case '/version':
      case '/version/':
        return jsonReply(versionInfo)
      case '/metrics':
        return Promise.resolve(textReply(200, metrics.text(), metrics.contentType))
      default:
        return undefined
    }
  }
}

function jsonReply(value: unknown) {
  return Promise.resolve(textReply(200, goJson(value, 2), 'application/json'))
}

/** Sorted, each once. */
export function allPaths(served: ServedGroups, morePaths: readonly string[]): readonly string[] {
  const groups = served.groups().flatMap(({ name, versions }) => {
    const root = name === '' ? '/api' : `/apis/${name}`
    return [root, ...versions.map(({ version }) => `${root}/${version}`)]
  })
  return [...new Set([...groups, '/apis', '/metrics', '/version', ...morePaths])].sort()
}
