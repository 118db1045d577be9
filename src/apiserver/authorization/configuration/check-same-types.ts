import type { ConfiguredAuthorizer } from '../create-authorization.ts'
import type { AuthorizationConfiguration } from './authorization-configuration.ts'

const startedOnce: readonly string[] = ['Node', 'RBAC']

/**
 * Only webhooks come and go while the server runs: throws an Error when a configuration that is read again leaves out
 * another authoriser of those that it `started` with, or has one that it did not.
 * Source: kubernetes/pkg/kubeapiserver/authorizer.
 */
export function checkSameTypes(
  { authorizers }: AuthorizationConfiguration,
  started: readonly ConfiguredAuthorizer[],
): void {
  const before = new Set<string>(started.map(({ type }) => type))
  const now = new Set(authorizers.map(({ type }) => type))
  const missing = [...before].filter((type) => type !== 'Webhook' && !now.has(type)).sort()
  if (missing.length > 0) throw new Error(`missing required types: [${missing.join(' ')}]`)
  const added = [...now].find((type) => startedOnce.includes(type) && !before.has(type))
  if (added !== undefined) {
    throw new Error(`authorizer type ${added} is not allowed if it was not enabled at initial server startup`)
  }
}
