import { readFileSync } from 'node:fs'
import {
  readAuthenticationConfiguration,
  type JwtConfiguration,
} from '../../apiserver/authentication/configuration/authentication-configuration.ts'
import { validateAuthenticationConfiguration } from '../../apiserver/authentication/configuration/validate-authentication-configuration.ts'
import {
  configuredAuthentication,
  type ConfiguredAuthentication,
} from '../../apiserver/authentication/configuration/configured-authentication.ts'
import type { AddedAuthentication } from '../../apiserver/authentication/create-authentication.ts'
import { signingAlgorithms } from '../../apiserver/authentication/oidc/verify-signature.ts'
import { createFetchText } from '../../apiserver/authentication/oidc/fetch-text.ts'
import { JwtMetrics } from '../../apiserver/authentication/oidc/jwt-metrics.ts'
import { readTokenFile } from '../../apiserver/authentication/read-token-file.ts'
import type { TokenAuthenticator } from '../../apiserver/authentication/token-authenticator.ts'
import { createWebhookTokenAuthenticator } from '../../apiserver/authentication/webhook/webhook-token-authenticator.ts'
import { createAbacAuthorizer, readAbacPolicies } from '../../apiserver/authorization/abac/abac-authorizer.ts'
import type { ConfiguredAuthorizer } from '../../apiserver/authorization/create-authorization.ts'
import { createWebhookAuthorizer } from '../../apiserver/authorization/webhook/webhook-authorizer.ts'
import { readAuthorizationConfiguration } from '../../apiserver/authorization/configuration/authorization-configuration.ts'
import { checkSameTypes } from '../../apiserver/authorization/configuration/check-same-types.ts'
import {
  configuredAuthorizers,
  type AuthorizerParts,
} from '../../apiserver/authorization/configuration/configured-authorizers.ts'
import type { SecurityConfiguration } from '../../apiserver/security.ts'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'
import { authorizationDefaults, type AuthorizationFlags } from '../api-server-flags/authorization-flags.ts'
import { oidcDefaults, type OidcFlags } from '../api-server-flags/oidc-flags.ts'
import { CliError } from '../cli/cli-error.ts'
import { kubeconfigPost } from './kubeconfig-post.ts'
import { reloadMetrics } from './reload-metrics.ts'
import { reloadFile, type ReloadedFile } from './reloaded-file.ts'
import { tokenWebhookDefaults, type SecurityFiles } from './security-files.ts'

/** What files add to a cluster's security; `close` ends watching them. */
export interface LoadedSecurity {
  readonly configuration: Pick<SecurityConfiguration, 'added' | 'anonymous' | 'authorizers' | 'staticTokens'>
  close(): void
}

interface LoadContext {
  /** Of the service accounts. */
  readonly ownIssuers: readonly string[]
  readonly apiAudiences?: readonly string[] | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  /** Which of several API servers this is. */
  readonly serverId: string
}

/** Throws a CliError that names the file, and what is wrong with it. */
export function loadSecurity(files: SecurityFiles, context: LoadContext): LoadedSecurity {
  const { clock, random, log, metrics, ownIssuers, apiAudiences = ownIssuers.slice(0, 1) } = context
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
          version: files.authenticationTokenWebhookVersion ?? tokenWebhookDefaults.version,
          cacheTtlMs: files.authenticationTokenWebhookCacheTtlMs ?? tokenWebhookDefaults.cacheTtlMs,
          apiAudiences,
          clock,
          random,
          metrics,
        }),
      )
    const authentication =
      files.authenticationConfig &&
      during(files.authenticationConfig, (path) => loadAuthentication(path, context, webhook || undefined))
    if (authentication) opened.push(authentication)
    const oidc = files.oidc && loadOidc(files.oidc, context, webhook || undefined)
    if (oidc) opened.push(oidc)
    const authorizers =
      files.authorizationConfig &&
      during(files.authorizationConfig, (path) =>
        reloadFile<readonly ConfiguredAuthorizer[]>(
          path,
          (content, first) => {
            const configuration = readAuthorizationConfiguration(content)
            if (first) checkSameTypes(configuration, first)
            return configuredAuthorizers(configuration, { connect, clock, random, metrics })
          },
          { clock, log, observer: reloadMetrics('authorization', context) },
        ),
      )
    if (authorizers) opened.push(authorizers)
    const modes = files.authorization && loadModes(files.authorization, { connect, clock, random, metrics })
    const added = authentication || oidc || (webhook && { current: { tokens: [webhook] } })
    const { anonymousAuth } = files
    return {
      configuration: {
        ...(added && { added }),
        ...(modes && { authorizers: { current: modes } }),
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

/** The issuers may be replaced by others; whether requests may be anonymous is said once, at the start. */
function loadAuthentication(
  path: string,
  context: LoadContext,
  webhook: TokenAuthenticator | undefined,
): ReloadedFile<AddedAuthentication> {
  const { ownIssuers, clock, log } = context
  const parts = jwtParts(context)
  let inForce: readonly string[] = []
  return reloadFile<ConfiguredAuthentication>(
    path,
    (content, first) => {
      const configuration = readAuthenticationConfiguration(content, ownIssuers)
      const { anonymous, ...configured } = configuredAuthentication(configuration, parts)
      const stays = first ? first.anonymous : anonymous
      return {
        ...configured,
        ...(stays && { anonymous: stays }),
        tokens: webhook ? [...configured.tokens, webhook] : configured.tokens,
      }
    },
    {
      clock,
      log,
      fault: (configured) => configured.fault(),
      applied({ issuers }) {
        for (const gone of inForce) if (!issuers.includes(gone)) parts.metrics.forget(gone)
        inForce = issuers
      },
      replaced: ({ close }) => close(),
      observer: reloadMetrics('authentication', context),
    },
  )
}

function jwtParts(context: LoadContext) {
  const { clock, log } = context
  return {
    fetchText: createFetchText(clock),
    clock,
    metrics: new JwtMetrics(context),
    onDiscoveryError: (issuer: string, error: unknown) =>
      log.error('the keys of a token issuer could not be discovered', { issuer, error }),
  }
}

/** The one issuer that flags name, as an AuthenticationConfiguration would. */
function loadOidc(
  flags: OidcFlags,
  context: LoadContext,
  webhook: TokenAuthenticator | undefined,
): ReloadedFile<AddedAuthentication> {
  const configuration = { jwt: [jwtOf(flags)] }
  const errors = validateAuthenticationConfiguration(configuration, context.ownIssuers)
  if (errors.length > 0) throw new CliError(`oidc: ${errors.map(fieldErrorText).join(', ')}`)
  const { signingAlgs = oidcDefaults.signingAlgs } = flags
  const unknown = signingAlgs.find((algorithm) => !signingAlgorithms.includes(algorithm))
  if (unknown !== undefined) throw new CliError(`oidc: unsupported signing alg: "${unknown}"`)
  const { tokens, close } = configuredAuthentication(configuration, {
    ...jwtParts(context),
    signingAlgorithms: signingAlgs,
  })
  return { current: { tokens: webhook ? [...tokens, webhook] : tokens }, close }
}

/** Source of the usual prefix: kubernetes/pkg/kubeapiserver/options/authentication.go. */
function jwtOf(flags: OidcFlags): JwtConfiguration {
  const { issuerUrl: url, clientId, caFile, groupsClaim, groupsPrefix = '' } = flags
  const { usernameClaim = oidcDefaults.usernameClaim } = flags
  const usualPrefix = usernameClaim === 'email' ? '' : `${url}#`
  const { usernamePrefix = usualPrefix, requiredClaims = {} } = flags
  return {
    issuer: {
      url,
      audiences: [clientId],
      ...(caFile && { certificateAuthority: during(caFile, (path) => readFileSync(path, 'utf8')) }),
    },
    claimMappings: {
      username: { claim: usernameClaim, prefix: usernamePrefix === '-' ? '' : usernamePrefix || usualPrefix },
      ...(groupsClaim && { groups: { claim: groupsClaim, prefix: groupsPrefix } }),
    },
    claimValidationRules: Object.entries(requiredClaims).map(([claim, requiredValue]) => ({
      claim,
      requiredValue,
    })),
  }
}

/** The authorisers that `--authorization-mode` names. */
function loadModes(flags: AuthorizationFlags, parts: AuthorizerParts): readonly ConfiguredAuthorizer[] {
  const { modes = authorizationDefaults.modes, policyFile = '', webhookConfigFile = '' } = flags
  return modes.map((type): ConfiguredAuthorizer => {
    switch (type) {
      case 'ABAC': {
        const policies = during(policyFile, (path) => readAbacPolicies(readFileSync(path, 'utf8')))
        return { type, authorizer: createAbacAuthorizer(policies) }
      }
      case 'Webhook': {
        const authorizer = createWebhookAuthorizer({
          name: 'default',
          post: during(webhookConfigFile, (path) => parts.connect(path)),
          version: flags.webhookVersion ?? authorizationDefaults.webhookVersion,
          timeoutMs: 30_000,
          authorizedTtlMs:
            flags.webhookCacheAuthorizedTtlMs ?? authorizationDefaults.webhookCacheAuthorizedTtlMs,
          unauthorizedTtlMs:
            flags.webhookCacheUnauthorizedTtlMs ?? authorizationDefaults.webhookCacheUnauthorizedTtlMs,
          failurePolicy: 'NoOpinion',
          matchConditions: [],
          clock: parts.clock,
          random: parts.random,
          metrics: parts.metrics,
        })
        return { type, authorizer }
      }
      default:
        return { type }
    }
  })
}

function during<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path)
  } catch (error) {
    throw new CliError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
