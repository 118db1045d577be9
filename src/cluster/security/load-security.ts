import { readFileSync } from 'node:fs'
import { readAuthenticationConfiguration } from '../../apiserver/authentication/configuration/authentication-configuration.ts'
import { configuredAuthentication } from '../../apiserver/authentication/configuration/configured-authentication.ts'
import type { AddedAuthentication } from '../../apiserver/authentication/create-authentication.ts'
import { createFetchJson } from '../../apiserver/authentication/oidc/fetch-json.ts'
import { readTokenFile } from '../../apiserver/authentication/read-token-file.ts'
import type { TokenAuthenticator } from '../../apiserver/authentication/token-authenticator.ts'
import { createWebhookTokenAuthenticator } from '../../apiserver/authentication/webhook/webhook-token-authenticator.ts'
import { readAuthorizationConfiguration } from '../../apiserver/authorization/configuration/authorization-configuration.ts'
import { configuredAuthorizers } from '../../apiserver/authorization/configuration/configured-authorizers.ts'
import type { SecurityConfiguration } from '../../apiserver/security.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Random } from '../../machinery/random.ts'
import { CliError } from '../cli/cli-error.ts'
import { kubeconfigPost } from './kubeconfig-post.ts'
import { reloadFile, type ReloadedFile } from './reloaded-file.ts'
import type { SecurityFiles } from './security-files.ts'

/** What files add to a cluster's security; `close` ends watching them. */
export interface LoadedSecurity {
  readonly configuration: Pick<SecurityConfiguration, 'added' | 'anonymous' | 'authorizers' | 'staticTokens'>
  close(): void
}

interface LoadContext {
  /** Of the service accounts. */
  readonly ownIssuers: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Upstream's --authentication-token-webhook-cache-ttl. */
const webhookCacheTtlMs = 120_000

/** Throws a CliError that names the file, and what is wrong with it. */
export function loadSecurity(files: SecurityFiles, context: LoadContext): LoadedSecurity {
  const { clock, random, log, ownIssuers } = context
  const opened: ReloadedFile<unknown>[] = []
  const connect = (path: string) => kubeconfigPost(path, clock)
  try {
    const tokens =
      files.tokenAuthFile && during(files.tokenAuthFile, (path) => readTokenFile(readFileSync(path, 'utf8')))
    const webhook =
      files.authenticationTokenWebhookConfigFile &&
      during(files.authenticationTokenWebhookConfigFile, (path) =>
        createWebhookTokenAuthenticator({
          post: connect(path),
          version: 'v1',
          cacheTtlMs: webhookCacheTtlMs,
          apiAudiences: ownIssuers,
          clock,
          random,
        }),
      )
    const authentication =
      files.authenticationConfig &&
      during(files.authenticationConfig, (path) => loadAuthentication(path, context, webhook || undefined))
    if (authentication) opened.push(authentication)
    const authorizers =
      files.authorizationConfig &&
      during(files.authorizationConfig, (path) =>
        reloadFile(
          path,
          (content) =>
            configuredAuthorizers(readAuthorizationConfiguration(content), { connect, clock, random }),
          { clock, log },
        ),
      )
    if (authorizers) opened.push(authorizers)
    const added = authentication || (webhook && { current: { tokens: [webhook] } })
    const { anonymousAuth } = files
    return {
      configuration: {
        ...(added && { added }),
        ...(authorizers && { authorizers }),
        ...(tokens && { staticTokens: tokens }),
        ...(anonymousAuth !== undefined && { anonymous: { enabled: anonymousAuth } }),
      },
      close: () => closeAll(opened),
    }
  } catch (error) {
    closeAll(opened)
    throw error
  }
}

function closeAll(files: readonly ReloadedFile<unknown>[]): void {
  for (const file of files) file.close()
}

function loadAuthentication(
  path: string,
  { ownIssuers, clock, log }: LoadContext,
  webhook: TokenAuthenticator | undefined,
): ReloadedFile<AddedAuthentication> {
  const fetchJson = createFetchJson(clock)
  const onDiscoveryError = (issuer: string, error: unknown) =>
    log.error('the keys of a token issuer could not be discovered', { issuer, error })
  return reloadFile(
    path,
    (content) => {
      const configuration = readAuthenticationConfiguration(content, ownIssuers)
      const configured = configuredAuthentication(configuration, { fetchJson, clock, onDiscoveryError })
      return { ...configured, tokens: webhook ? [...configured.tokens, webhook] : configured.tokens }
    },
    { clock, log, replaced: ({ close }) => close() },
  )
}

function during<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path)
  } catch (error) {
    throw new CliError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
